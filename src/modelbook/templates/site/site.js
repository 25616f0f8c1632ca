// Search, filter, sort and compare: all that a page does by itself. No network, no storage, no markup from data.
"use strict";
(() => {
  const root = document.body.dataset.root || "";
  const NAME = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?@[1-9][0-9]{0,9}$/;
  const COMMIT = /^[0-9a-f]{40,64}$/;
  const all = (selector, inside = document) => [...inside.querySelectorAll(selector)];
  const one = (selector, inside = document) => inside.querySelector(selector);
  const make = (tag, text = "", more = {}) => Object.assign(document.createElement(tag), { textContent: text }, more);
  const words = (text) => text.toLowerCase().split(/\s+/).filter(Boolean);

  // A script of data calls one of these: pages open from the disk too, where nothing can be fetched.
  const waiting = { find: [], take: {} };
  const loaded = new Map();
  window.modelbook = {
    find: (entries) => waiting.find.forEach((use) => use(entries)),
    take: (version) => waiting.take[version.name]?.(version),
  };
  const load = (path) => loaded.get(path) || loaded.set(path, new Promise((done, failed) => {
    document.head.append(make("script", "", { src: root + path, onload: done, onerror: failed }));
  })).get(path);

  // How long ago a day was, beside the day: the page itself does not change as time goes by.
  const spans = [[365, "year"], [30, "month"], [7, "week"], [1, "day"]];
  for (const time of all("time[data-age]")) {
    const days = Math.floor((Date.now() - Date.parse(time.dateTime)) / 864e5);
    const [length, unit] = spans.find(([each]) => days >= each) || [1, "day"];
    const count = Math.floor(days / length);
    time.title = time.dateTime.replace("T", " ").replace("Z", " UTC");
    const told = days < 1 ? (days < 0 ? "" : "today") : `${count} ${unit}${count > 1 ? "s" : ""} ago`;
    if (told) time.after(make("span", ` · ${told}`, { className: "quiet age" }));
  }

  // Search.
  const box = one("#search"), list = one("#found");
  if (box) {
    one(".search").hidden = false;
    let entries = null, chosen = -1;
    const show = () => {
      const wanted = words(box.value);
      list.replaceChildren();
      chosen = -1;
      box.removeAttribute("aria-activedescendant");
      if (wanted.length && entries) {
        const rank = (each) => (each[0] === wanted[0] ? 0 : each[0].startsWith(wanted[0]) ? 1 : 2);
        const found = entries.filter((each) => wanted.every((word) => each[4].includes(word)));
        for (const each of found.sort((left, right) => rank(left) - rank(right)).slice(0, 12)) {
          const item = make("li", "", { id: `found-${list.children.length}` });
          item.setAttribute("role", "option");
          item.setAttribute("aria-selected", "false");
          item.append(make("span", each[0]), make("span", each[3], { className: "note" }));
          item.dataset.page = each[1];
          item.addEventListener("mousedown", (event) => { event.preventDefault(); location.href = root + each[1]; });
          list.append(item);
        }
        if (!found.length) {
          const item = make("li", "", { id: "found-none" });
          item.setAttribute("role", "option");
          item.setAttribute("aria-disabled", "true");
          item.append(make("span", "Nothing has all these words.", { className: "note" }));
          list.append(item);
        }
      }
      list.hidden = !list.children.length;
      box.setAttribute("aria-expanded", String(!list.hidden));
    };
    const choose = (step) => {
      const items = all("li[data-page]", list);
      if (!items.length) return;
      chosen = (chosen + step + items.length + (chosen < 0 && step < 0 ? 1 : 0)) % items.length;
      items.forEach((item, at) => item.setAttribute("aria-selected", String(at === chosen)));
      box.setAttribute("aria-activedescendant", items[chosen].id);
      items[chosen].scrollIntoView({ block: "nearest" });
    };
    const fetchEntries = () => load("search.js").catch(() => {});
    waiting.find.push((found) => {
      entries = found.map((each) => [...each, `${each[0]} ${each[2]} ${each[3]}`.toLowerCase()]);
      show();
    });
    box.addEventListener("focus", fetchEntries);
    box.addEventListener("input", show);
    box.addEventListener("blur", () => { list.hidden = true; box.setAttribute("aria-expanded", "false"); });
    box.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown") { choose(1); event.preventDefault(); }
      if (event.key === "ArrowUp") { choose(-1); event.preventDefault(); }
      if (event.key === "Escape") { box.value = ""; show(); }
      if (event.key === "Enter") {
        const items = all("li[data-page]", list), target = items[Math.max(chosen, 0)];
        if (target) location.href = root + target.dataset.page;
      }
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select");
      if (event.key === "/" && !typing && !event.ctrlKey && !event.metaKey) { box.focus(); event.preventDefault(); }
    });
  }

  // Filter: the rows that have all the words.
  for (const input of all("input[data-filter]")) {
    const rows = all(`#${input.dataset.filter} tbody tr`), output = one("output", input.parentElement);
    const texts = rows.map((row) => row.textContent.toLowerCase());
    input.parentElement.hidden = false;
    input.addEventListener("input", () => {
      const wanted = words(input.value);
      let shown = 0;
      rows.forEach((row, at) => {
        row.hidden = !wanted.every((word) => texts[at].includes(word));
        shown += row.hidden ? 0 : 1;
      });
      const whole = `${rows.length} ${output.dataset.what}${rows.length === 1 ? "" : "s"}`;
      output.textContent = wanted.length ? `${shown} of ${whole}` : whole;
    });
  }

  // Sort by a column: numbers as numbers; what has no value stays at the end.
  for (const head of all("th[data-sort]")) {
    const button = make("button", head.textContent, { type: "button" });
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const body = one("tbody", head.closest("table")), at = [...head.parentElement.children].indexOf(head);
      const down = head.getAttribute("aria-sort") === "ascending";
      all("th[aria-sort]", head.parentElement).forEach((each) => each.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const key = (row) => {
        const cell = row.children[at], time = one("time", cell);
        return time ? time.dateTime : (one("a", cell) || cell).textContent.trim();
      };
      const compare = (left, right) => {
        const [a, b] = [left, right].map((text) => Number(text.replace(/,/g, "")));
        return Number.isNaN(a) || Number.isNaN(b) ? left.localeCompare(right) : a - b;
      };
      const rows = [...body.children].map((row) => [key(row), row]);
      rows.sort(([left], [right]) => {
        if (!left || !right) return left ? -1 : right ? 1 : 0;
        return down ? compare(right, left) : compare(left, right);
      });
      body.append(...rows.map(([, row]) => row));
    });
  }

  // Choose at most so many versions, and compare them.
  for (const form of all("form[data-most]")) {
    const most = Number(form.dataset.most), table = one("table", form), bar = one(".bar", form), said = one("[aria-live]", form);
    one("thead tr", table).append(make("th", "Compare", { scope: "col" }));
    const boxes = all("tbody tr", table).map((row) => {
      const version = one("a", row).textContent, cell = make("td");
      const box = make("input", "", { type: "checkbox", name: "v", value: `${table.dataset.model}@${version}` });
      box.setAttribute("aria-label", `Compare ${version}`);
      cell.append(box);
      row.append(cell);
      return box;
    });
    const count = () => {
      const chosen = boxes.filter((each) => each.checked);
      boxes.forEach((each) => { each.disabled = !each.checked && chosen.length >= most; });
      one("button", bar).disabled = chosen.length < 2;
      bar.hidden = !chosen.length;
      said.textContent = chosen.length > 1 ? chosen.map((each) => each.value).join(", ") : `Choose two to ${most} versions.`;
    };
    form.addEventListener("change", count);
    window.addEventListener("pageshow", count);
  }

  // Copy a command.
  if (navigator.clipboard) {
    for (const command of all(".command")) {
      const text = command.textContent, button = make("button", "Copy", { type: "button" });
      button.setAttribute("aria-label", `Copy: ${text}`);
      button.addEventListener("click", () => navigator.clipboard.writeText(text).then(() => {
        button.textContent = "Copied";
        setTimeout(() => { button.textContent = "Copy"; }, 1500);
      }, () => {}));
      command.append(button);
    }
  }

  // Compare up to four versions.
  const table = one("#comparison");
  if (table) {
    const form = one("#add"), input = one("#add-version"), said = one("#said"), differing = one("#differing");
    const asked = new URLSearchParams(location.search).getAll("v");
    const names = [...new Set(asked.filter((name) => NAME.test(name)))].slice(0, 4);
    const go = (list) => { location.search = list.map((name) => `v=${name}`).join("&"); };
    const versions = new Map();
    form.hidden = false;
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const name = input.value.trim();
      if (!NAME.test(name)) said.textContent = "Write it as in model@5.";
      else if (names.length >= 4) said.textContent = "Four are compared already: take one out first.";
      else go([...names, name]);
    });
    waiting.find.push((found) => one("#known").replaceChildren(
      ...found.filter((each) => each[0].includes("@")).slice(0, 2000).map((each) => make("option", "", { value: each[0] })),
    ));
    input.addEventListener("focus", () => load("search.js").catch(() => {}));
    differing.addEventListener("change", () => draw());
    const page = (name) => `models/${name.replace("@", "/")}`;

    const number = (value) => String(Number(value.toPrecision(5)));
    const metric = (value) => {
      if (!value) return "";
      const [middle, low, high] = value.map(number);
      return low === undefined ? middle : `${middle}  (${low} – ${high})`;
    };
    // A commit is short to the eye, as on the other pages, and whole to whoever asks.
    const shown = (version, title, key, text) => {
      if (title !== "Code" || key !== "commit" || !COMMIT.test(text)) return text || "–";
      const short = make("code", text.slice(0, 12), { title: text });
      if (!version.commit_url) return short;
      const link = make("a", "", { href: version.commit_url, rel: "noopener" });
      link.append(short);
      return link;
    };
    const draw = () => {
      const found = names.map((name) => versions.get(name)).filter(Boolean);
      table.hidden = !found.length;
      const head = make("tr");
      head.append(make("td"));
      for (const version of found) {
        const cell = make("th", "", { scope: "col" });
        const remove = make("button", "×", { type: "button" });
        remove.setAttribute("aria-label", `Take ${version.name} out`);
        remove.addEventListener("click", () => go(names.filter((name) => name !== version.name)));
        cell.append(make("a", version.name, { href: `${page(version.name)}.html` }), " ", remove);
        for (const stage of version.stages) cell.append(" ", make("span", stage, { className: "pill stage" }));
        if (version.revoked) cell.append(" ", make("span", "revoked", { className: "pill bad" }));
        if (version.state !== "verified") cell.append(" ", make("span", "does not verify", { className: "pill bad" }));
        head.append(cell);
      }
      const thead = make("thead"), tbody = make("tbody");
      thead.append(head);
      const section = (title, parts, show) => {
        const keys = [...new Set(parts.flatMap((part) => Object.keys(part)))];
        const rows = [];
        for (const key of keys) {
          const cells = parts.map((part) => show(part[key]));
          const differs = new Set(cells).size > 1;
          if (differing.checked && !differs && found.length > 1 && title !== "Metrics") continue;
          const row = make("tr", "", { className: differs && found.length > 1 && title !== "Metrics" ? "differs" : "" });
          row.append(make("th", key, { scope: "row" }), ...cells.map((text, at) => {
            const cell = make("td");
            cell.append(shown(found[at], title, key, text));
            return cell;
          }));
          rows.push(row);
        }
        if (rows.length) {
          const heading = make("tr");
          heading.append(make("th", title, { scope: "colgroup", colSpan: found.length + 1 }));
          tbody.append(heading, ...rows);
        }
      };
      section("Version", found.map((version) => ({ registered: version.created.slice(0, 10), by: version.by })), (text) => text || "");
      section("Metrics", found.map((version) => version.metrics), metric);
      for (const kind of [...new Set(found.flatMap((version) => Object.keys(version.facts)))]) {
        section(kind, found.map((version) => version.facts[kind] || {}), (text) => text || "");
      }
      table.replaceChildren(thead, tbody);
    };
    said.textContent = names.length ? "" : "Choose versions on the page of a model, or add them here.";
    Promise.allSettled(names.map((name) => {
      const taken = new Promise((done) => { waiting.take[name] = done; });
      return load(`${page(name)}.js`).then(() => taken).then((version) => versions.set(name, version));
    })).then((results) => {
      const missing = names.filter((name, at) => results[at].status === "rejected");
      if (missing.length) said.textContent = `There is no ${missing.join(", ")} on this site.`;
      draw();
    });
  }
})();
