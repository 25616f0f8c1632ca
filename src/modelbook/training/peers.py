"""The processes that train one model together, as torchrun starts them; or the only one."""

import os
from collections.abc import Callable, Mapping
from typing import Any

from modelbook.errors import ModelbookError


def speaks(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this process speaks for all of them: the others log nothing."""
    return "WORLD_SIZE" not in environ or environ.get("RANK", "0") == "0"


class Peers:
    """What they tell each other, over a group of their own: whatever the training sends meanwhile is not disturbed.

    Every process of the training must make it, and call its methods in the same order.
    """

    def __init__(self) -> None:
        import torch.distributed as dist

        self.rank, self.world, self.group = 0, 1, None
        if dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1:
            self.rank, self.world = dist.get_rank(), dist.get_world_size()
            self.group = dist.new_group(backend="gloo")

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

    def together(self, do: Callable[[], Any]) -> Any:
        """Do it in every process; a ModelbookError of one is raised in all, and nobody goes on before the others."""
        result, error = None, None
        try:
            result = do()
        except ModelbookError as caught:
            error = caught
        errors: list[ModelbookError | None] = [error]
        if self.world > 1:
            import torch.distributed as dist

            errors = [None] * self.world
            dist.all_gather_object(errors, error, group=self.group)
        for each in errors:
            if each is not None:
                raise each
        return result
