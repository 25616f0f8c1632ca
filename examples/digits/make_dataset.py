"""Write the scanned digits that scikit-learn carries as two CSV files: python make_dataset.py FOLDER"""

import csv
import sys
from pathlib import Path

from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

README = """# Handwritten digits

1797 digits, scanned and reduced to 8x8 pixels of 0 (white) to 16 (black), with the digit that was meant.
They are the test part of "Optical Recognition of Handwritten Digits" (E. Alpaydin, C. Kaynak, 1998, UCI Machine
Learning Repository), as scikit-learn carries them.

- `train.csv`: 1437 digits to learn from
- `test.csv`: 360 digits held back to measure with

One row a digit: `pixel_0` to `pixel_63`, row by row from the top left, then `label`. Every digit has the same share
in both files.
"""


def write(path: Path, images: list[list[int]], labels: list[int]) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow([*(f"pixel_{i}" for i in range(64)), "label"])
        rows.writerows([*image, label] for image, label in zip(images, labels, strict=True))


def main(folder: Path) -> None:
    digits = load_digits()
    images, labels = digits.data.astype(int).tolist(), digits.target.tolist()
    train_images, test_images, train_labels, test_labels = train_test_split(
        images, labels, test_size=360, stratify=labels, random_state=0
    )
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "train.csv", train_images, train_labels)
    write(folder / "test.csv", test_images, test_labels)
    (folder / "README.md").write_text(README)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
