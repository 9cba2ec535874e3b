# SPDX-License-Identifier: Apache-2.0
"""Virtual aarch64 boards that answer SSH, for tests: see docs/verifier-board.md."""
from .common import Board
from .machine import Machine
from .namespace import Unavailable, enter_script
from .proxy import Proxy
from .userland import Userland

__all__ = ["Board", "Machine", "Proxy", "Unavailable", "Userland", "enter_script"]
