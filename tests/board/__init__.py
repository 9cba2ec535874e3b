# SPDX-License-Identifier: Apache-2.0
"""Virtual aarch64 boards that answer SSH, for tests: see docs/verifier-board.md."""
from .namespace import Unavailable, enter
from .userland import Userland

__all__ = ["Unavailable", "Userland", "enter"]
