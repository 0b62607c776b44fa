#!/usr/bin/env python3
"""A phone for tests: speaks adb's protocol on a TCP port of the loopback, runs commands here.

    adbd.py --root DIR [--port N] [--run PROGRAM ARGS...]

Files live below DIR, which is TMPDIR of every command; a path elsewhere is refused. A command runs
as `sh -c COMMAND`, or behind PROGRAM ARGS. Prints its port when it listens. Real parts differ from
phone to phone, so they are options: see main(). Facts of the protocol: AOSP's packages/modules/adb,
protocol.txt, SERVICES.TXT, SYNC.TXT."""
import argparse
import asyncio
import os
import pty
import signal
import struct
import sys
import termios

VERSION = 0x01000001
MAX_PAYLOAD = 256 * 1024
SYNC_CHUNK = 64 * 1024


def command_word(name):
    return struct.unpack("<I", name)[0]


CNXN, OPEN, OKAY, CLSE, WRTE = map(command_word, (b"CNXN", b"OPEN", b"OKAY", b"CLSE", b"WRTE"))
STDIN, STDOUT, STDERR, EXIT, CLOSE_STDIN = range(5)


class Closed(Exception):
    pass


class Stream:
    """One service on a connection. One WRTE may be under way at a time."""

    def __init__(self, link, own, peer):
        self.link, self.own, self.peer = link, own, peer
        self.arrived = asyncio.Queue()
        self.acknowledged = asyncio.Event()
        self.closed = self.is_runner = False
        self.rest = b""

    async def write(self, data):
        if self.is_runner:
            self.link.phone.passed += len(data)
        if self.link.phone.passed > self.link.phone.options.die_after:
            os.kill(os.getpid(), signal.SIGKILL)
        for start in range(0, len(data), self.link.max_payload):
            if self.closed:
                raise Closed
            self.acknowledged.clear()
            await self.link.send(WRTE, self.own, self.peer,
                                 data[start:start + self.link.max_payload])
            await self.acknowledged.wait()

    async def read(self):
        """The next payload; it is acknowledged only now, which is the flow control."""
        data = await self.arrived.get()
        if data is None:
            raise Closed
        await self.link.send(OKAY, self.own, self.peer)
        return data

    async def read_exactly(self, count):
        while len(self.rest) < count:
            self.rest += await self.read()
        data, self.rest = self.rest[:count], self.rest[count:]
        return data

    def end(self):
        self.closed = True
        self.arrived.put_nowait(None)
        self.acknowledged.set()


class Link:
    """One connection of an adb server."""

    def __init__(self, phone, reader, writer):
        self.phone, self.reader, self.writer = phone, reader, writer
        self.streams, self.next_id, self.max_payload = {}, 1, 4096

    async def send(self, command, first, second, data=b""):
        head = struct.pack("<6I", command, first, second, len(data), sum(data) & 0xffffffff,
                           command ^ 0xffffffff)
        if self.phone.options.delay:
            await asyncio.sleep(self.phone.options.delay / 1000)
        self.writer.write(head + data)
        await self.writer.drain()

    async def serve(self):
        try:
            while True:
                head = struct.unpack("<6I", await self.reader.readexactly(24))
                data = await self.reader.readexactly(head[3])
                await self.take(head[0], head[1], head[2], data)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            for stream in list(self.streams.values()):
                stream.end()
            self.writer.close()

    async def take(self, command, first, second, data):
        stream = self.streams.get(second)
        if command == CNXN:
            self.max_payload = min(second, MAX_PAYLOAD)
            await self.send(CNXN, VERSION, MAX_PAYLOAD, self.phone.banner())
        elif command == OPEN:
            stream = Stream(self, self.next_id, first)
            self.next_id += 1
            asyncio.ensure_future(self.run(stream, data.rstrip(b"\0").decode()))
        elif command == WRTE and stream:
            stream.arrived.put_nowait(data)
        elif command == OKAY and stream:
            stream.acknowledged.set()
        elif command == CLSE and stream:
            self.streams.pop(second)
            await self.send(CLSE, stream.own, stream.peer)
            stream.end()

    async def run(self, stream, name):
        kind, _, argument = name.partition(":")
        kind, *flags = kind.split(",")
        service = {"shell": self.phone.shell, "sync": self.phone.sync}.get(kind)
        if not service:
            await self.send(CLSE, 0, stream.peer)
            return
        self.streams[stream.own] = stream
        await self.send(OKAY, stream.own, stream.peer)
        try:
            await service(stream, argument, flags)
        except (Closed, ConnectionError):
            pass
        if self.streams.pop(stream.own, None):
            stream.end()
            await self.send(CLSE, stream.own, stream.peer)


class Phone:
    def __init__(self, options):
        self.options, self.stored, self.passed = options, 0, 0

    def banner(self):
        features = "cmd" if self.options.old else "shell_v2,cmd"
        return ("device::ro.product.name=standin;ro.product.model=Stand In;"
                "ro.product.device=standin;features=" + features).encode()

    def log(self, *words):
        if self.options.log:
            with open(self.options.log, "a", encoding="utf-8") as log:
                print(*words, file=log)

    # ---- commands

    async def start(self, command, **files):
        environment = dict(os.environ, TMPDIR=self.options.root,
                           PATH=os.path.join(self.options.root, "bin") + ":" + os.environ["PATH"])
        return await asyncio.create_subprocess_exec(
            *self.options.run, command, start_new_session=True, env=environment, **files)

    async def shell(self, stream, command, flags):
        self.log("shell", command)
        stream.is_runner = "--cpu" in command
        await (self.shell_v2 if "v2" in flags else self.shell_v1)(stream, command)

    async def shell_v2(self, stream, command):
        pipe = asyncio.subprocess.PIPE
        process = await self.start(command, stdin=pipe, stdout=pipe, stderr=pipe)

        async def feed():
            try:
                while True:
                    what, length = struct.unpack("<BI", await stream.read_exactly(5))
                    data = await stream.read_exactly(length)
                    if what == STDIN:
                        process.stdin.write(data)
                        await process.stdin.drain()
                    elif what == CLOSE_STDIN:
                        process.stdin.close()
            except (Closed, ConnectionError):
                self.hang_up(process)

        async def pass_on(source, what):
            while data := await source.read(SYNC_CHUNK):
                await stream.write(struct.pack("<BI", what, len(data)) + data)

        feeder = asyncio.ensure_future(feed())
        await asyncio.gather(pass_on(process.stdout, STDOUT), pass_on(process.stderr, STDERR))
        code = await process.wait()
        feeder.cancel()
        await stream.write(struct.pack("<BIB", EXIT, 1, (code if code >= 0 else 128 - code) & 255))

    async def shell_v1(self, stream, command):
        """Before Android 7: a terminal, which turns newlines and echoes, and no exit code."""
        own, other = pty.openpty()
        size = termios.tcgetattr(other)
        process = await self.start(command, stdin=other, stdout=other, stderr=other)
        termios.tcsetattr(other, termios.TCSANOW, size)
        os.close(other)

        async def feed():
            try:
                while True:
                    data = await stream.read()
                    while data:
                        written = await asyncio.to_thread(os.write, own, data)
                        data = data[written:]
            except (Closed, OSError):
                self.hang_up(process)

        feeder = asyncio.ensure_future(feed())
        try:
            while data := await asyncio.to_thread(os.read, own, SYNC_CHUNK):
                await stream.write(data)
        except OSError:  # the last holder of the other end is gone
            pass
        await process.wait()
        feeder.cancel()
        os.close(own)

    @staticmethod
    def hang_up(process):
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)

    # ---- files

    def path(self, name):
        real = os.path.realpath(name)
        if not real.startswith(os.path.realpath(self.options.root) + os.sep):
            raise PermissionError(13, "Permission denied")
        return real

    async def sync(self, stream, _argument, _flags):
        while True:
            request, length = struct.unpack("<4sI", await stream.read_exactly(8))
            if request == b"QUIT":
                return
            name = (await stream.read_exactly(length)).decode()
            try:
                await {b"STAT": self.stat, b"SEND": self.receive_file,
                       b"RECV": self.send_file}[request](stream, name)
            except OSError as error:
                text = (error.strerror or str(error)).encode()
                await stream.write(b"FAIL" + struct.pack("<I", len(text)) + text)

    async def stat(self, stream, name):
        try:
            found = os.lstat(self.path(name))
            fields = (found.st_mode, found.st_size & 0xffffffff, int(found.st_mtime))
        except OSError:
            fields = (0, 0, 0)
        await stream.write(b"STAT" + struct.pack("<III", *fields))

    async def receive_file(self, stream, name):
        name, _, mode = name.rpartition(",")
        error, total, file = None, 0, None
        try:
            os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
            file = open(self.path(name), "wb")
        except OSError as why:
            error = why
        while True:
            what, length = struct.unpack("<4sI", await stream.read_exactly(8))
            if what == b"DONE":
                break
            data = await stream.read_exactly(length)
            total += length
            if self.options.quota is not None and self.stored + total > self.options.quota:
                error = OSError(28, "No space left on device")
            elif file and not error:
                file.write(data)
        if file:
            file.close()
        self.log("push", total, name)
        if error:
            raise error
        self.stored += total
        os.chmod(self.path(name), int(mode) & 0o777)
        await stream.write(b"OKAY" + struct.pack("<I", 0))

    async def send_file(self, stream, name):
        with open(self.path(name), "rb") as file:
            while data := file.read(SYNC_CHUNK):
                await stream.write(b"DATA" + struct.pack("<I", len(data)) + data)
        await stream.write(b"DONE" + struct.pack("<I", 0))


async def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--root", required=True)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--old", action="store_true", help="no shell_v2: as before Android 7")
    parser.add_argument("--quota", type=int, help="bytes of files before the disk is full")
    parser.add_argument("--delay", type=int, default=0, help="milliseconds before each message")
    parser.add_argument("--die-after", type=int, default=1 << 60,
                        help="bytes that a runner may say, then the phone is dead")
    parser.add_argument("--log", help="a line per push and per command goes there")
    parser.add_argument("--run", nargs=argparse.REMAINDER, default=["sh", "-c"])
    options = parser.parse_args()
    phone = Phone(options)
    server = await asyncio.start_server(lambda r, w: Link(phone, r, w).serve(), "127.0.0.1",
                                        options.port)
    print(server.sockets[0].getsockname()[1], flush=True)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    try:
        asyncio.run(main())
    except KeyboardInterrupt:
        sys.exit(130)
