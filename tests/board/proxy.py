# SPDX-License-Identifier: Apache-2.0
"""A TCP proxy with faults that come at the same byte every time."""
import asyncio
import socket
import struct
import threading

UP, DOWN = "up", "down"  # client to server, server to client


class Proxy:
    """Listens at 127.0.0.1 (or on a given socket) and forwards to `target`, a pair of host and port, which may be None: then
    it accepts and says nothing. After `cut_after` bytes in `direction`, summed over all connections, every connection, later
    ones too, ends by `how` = "reset" (RST), "close" (FIN) or "silence": nothing more is forwarded, the connections stay.
    `delay`: seconds on the way, in each direction; `rate`: bytes per second, of each direction and connection."""

    def __init__(self, target, *, cut_after=None, direction=UP, how="reset", delay=0, rate=None, listener=None):
        self.target, self.cut_after, self.direction, self.how = target, cut_after, direction, how
        self.delay, self.rate = delay, rate
        self.bytes = {UP: 0, DOWN: 0}
        self.connections = 0
        self.cut = threading.Event()
        self.open = set()
        self.listener = listener or socket.create_server(("127.0.0.1", 0))
        if rate:
            self.listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)  # megabytes in here would be no slow link
        self.host, self.port = self.listener.getsockname()[:2]
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def stop(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.listener.close()

    def cut_now(self):
        """As when cut_after is reached."""
        self.cut.set()
        self.loop.call_soon_threadsafe(self._end)

    def known_hosts_line(self, board):
        return f"[{self.host}]:{self.port} " + " ".join(open(f"{board.host_key}.pub").read().split()[:2]) + "\n"

    def _run(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(asyncio.start_server(self._serve, sock=self.listener))
        self.loop.run_forever()
        for writer in self.open:
            writer.transport.abort()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
        self.loop.close()

    async def _serve(self, reader, writer):
        self.connections += 1
        self.open.add(writer)
        if not self.target:
            return
        try:
            server_reader, server_writer = await asyncio.open_connection(*self.target)
        except OSError:
            writer.transport.abort()
            return
        self.open.add(server_writer)
        try:
            await asyncio.gather(self._forward(reader, server_writer, UP), self._forward(server_reader, writer, DOWN))
        except asyncio.CancelledError:
            pass  # stop()

    async def _forward(self, reader, writer, direction):
        pieces = asyncio.Queue(maxsize=64)  # on the way
        await asyncio.gather(self._read(reader, pieces, direction), self._write(writer, pieces))

    async def _read(self, reader, pieces, direction):
        piece = b" "
        while piece:
            try:
                piece = await reader.read(16384)
            except OSError:
                piece = b""
            if self.rate:
                await asyncio.sleep(len(piece) / self.rate)
            if self.cut.is_set():
                if self.how == "close":
                    continue  # closing with unread bytes would send RST
                return
            if self.cut_after is not None and direction == self.direction:
                piece = piece[: self.cut_after - self.bytes[direction]]
                if self.bytes[direction] + len(piece) == self.cut_after:
                    self.cut.set()
            self.bytes[direction] += len(piece)
            await pieces.put((self.loop.time() + self.delay, piece, self.cut.is_set()))

    async def _write(self, writer, pieces):
        while True:
            due, piece, last = await pieces.get()
            await asyncio.sleep(max(0, due - self.loop.time()))
            try:
                writer.write(piece)
                await writer.drain()
                if not piece and not last:
                    writer.write_eof()
                    return
            except OSError:
                return
            if last:
                self._end()
                return

    def _end(self):
        if self.how == "silence":
            return
        for writer in self.open:
            if self.how == "close":
                writer.write_eof()
            else:
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                writer.transport.abort()
