"""The processes that train one model together, as torchrun starts them; or the only one."""

import os
import sys
from collections.abc import Callable
from typing import Any

from modelbook.errors import BadInput, ModelbookError


def speaks() -> bool:
    """Whether this process speaks for all of them, as the only one or the first: the others log nothing."""
    distributed = sys.modules.get("torch.distributed")
    if distributed and distributed.is_available() and distributed.is_initialized():
        return bool(distributed.get_rank() == 0)
    return not among_others() or os.environ.get("RANK", "0") == "0"


def among_others() -> bool:
    """Whether torchrun started others with this process."""
    return os.environ.get("WORLD_SIZE", "1") != "1"


class Peers:
    """What they tell each other, over a group of their own: whatever the training sends meanwhile is not disturbed.

    Every process of the training must make it, and call its methods in the same order. Raises BadInput if there are
    others and torch has not been told.
    """

    def __init__(self) -> None:
        import torch.distributed as dist

        self.rank, self.world, self.group = 0, 1, None
        if dist.is_available() and dist.is_initialized():
            self.rank, self.world = dist.get_rank(), dist.get_world_size()
        elif among_others():
            raise BadInput(
                f"{os.environ['WORLD_SIZE']} processes were started to train together, and do not know each other yet",
                remedy="Call torch.distributed.init_process_group() before run.checkpoints(...).",
            )
        if self.world > 1:
            self.group = dist.new_group(backend="gloo")

    def part(self) -> None:
        """End the group: they have nothing more to tell each other. Its threads would else live until Python ends."""
        if self.group is not None:
            import torch.distributed as dist

            if dist.is_initialized():  # else the training has ended all groups
                dist.destroy_process_group(self.group)
            self.group = None

    def agreed(self, answer: bool) -> bool:
        """The first process's answer, everywhere."""
        if self.world == 1:
            return answer
        import torch
        import torch.distributed as dist

        said = torch.tensor([answer], dtype=torch.uint8)
        dist.broadcast(said, src=0, group=self.group)
        return bool(said.item())

    def told(self, find: Callable[[], Any]) -> Any:
        """What `find` returns in the first process, or the ModelbookError that it raises there, everywhere."""
        message: list[Any] = [None, None]
        if self.rank == 0:
            try:
                message[0] = find()
            except ModelbookError as error:
                message[1] = error
        if self.world > 1:
            import torch.distributed as dist

            dist.broadcast_object_list(message, src=0, group=self.group)
        if message[1] is not None:
            raise message[1]
        return message[0]

    def together(self, do: Callable[[], Any]) -> list[Any]:
        """Do it in every process; what each returned, in order.

        A ModelbookError of one is raised in all, and nobody goes on before the others.
        """
        mine: tuple[Any, ModelbookError | None]
        try:
            mine = (do(), None)
        except ModelbookError as error:
            mine = (None, error)
        said: list[Any] = [mine]
        if self.world > 1:
            import torch.distributed as dist

            said = [None] * self.world
            dist.all_gather_object(said, mine, group=self.group)
        for _, problem in said:
            if problem is not None:
                raise problem
        return [result for result, _ in said]
