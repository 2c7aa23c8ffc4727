"""The two stores as a judge beside the control plane sees them."""

import contextlib
import json
import os
import pathlib
import shutil
import sqlite3
import struct
import subprocess
import tempfile

from machine import WalCounter, family_cpu


def call_floors(tools, *arguments):
    done = subprocess.run([tools["floors"], *map(str, arguments)], stdout=subprocess.PIPE, check=True,
                          timeout=120)
    return json.loads(done.stdout)


def decode(tools, kind, stream):
    """The lines that `rows` makes of a COPY."""
    done = subprocess.run([tools["rows"], kind], stdin=stream, stdout=subprocess.PIPE, check=True,
                          timeout=120)
    return [line.split(" ", 7) for line in done.stdout.decode().splitlines()]


class Sqlite:
    """Folders of one store after another. Nothing else is kept."""

    name = "sqlite"
    floor_name = "S"

    def __init__(self, tools, root):
        self.tools = tools
        self.root = pathlib.Path(root)
        self.count = 0
        self.counter = None
        self.database = None

    def new(self, folder):
        """Begins anew below `folder`; gives the options of the control plane."""
        self.forget()
        self.database = str(folder / "data" / "orch.db")
        return ["--data", str(folder / "data")]

    def begin(self):
        """Called once the control plane runs."""
        self.counter = WalCounter(self.database)
        self.counter.start()

    def forget(self):
        if self.counter is not None:
            self.counter.stop()
        self.counter = None

    def wal_bytes(self):
        self.counter.look()
        return self.counter.total

    def query(self, sql):
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as line:
            return line.execute(sql).fetchall()

    def rows(self, kind, table, since_micros=0):
        where = f" WHERE created_micros >= {since_micros}" if table == "head" else ""
        with contextlib.closing(sqlite3.connect(f"file:{self.database}?mode=ro", uri=True)) as line, \
                tempfile.TemporaryFile(dir=self.root) as copy:
            copy.write(b"PGCOPY\n\377\r\n\0" + bytes(8))
            for (body,) in line.execute(f"SELECT body FROM {table}{where}"):
                copy.write(struct.pack(">hi", 1, len(body)) + body)
            copy.write(struct.pack(">h", -1))
            copy.seek(0)
            return decode(self.tools, kind, copy)

    def processes(self):
        return {}

    def floor(self, rows, commits):
        self.count += 1
        folder = self.root / f"floor{self.count}"
        folder.mkdir()
        try:
            return call_floors(self.tools, "sqlite", "--folder", folder, "--rows", rows, "--commits",
                               commits)
        finally:
            shutil.rmtree(folder)

    def close(self):
        self.forget()


class Postgres:
    """A server of its own, a database for each cell."""

    name = "postgres"
    floor_name = "U"

    def __init__(self, tools, server):
        self.tools = tools
        self.server = server  # Of the end-to-end tests: durable as it comes.
        self.psql = str(pathlib.Path(server.bin) / "psql")
        with open(f"{server.home}/data/postmaster.pid", encoding="ascii") as file:
            self.pid = int(file.readline())
        self.count = 0
        self.session = None
        self.database = "postgres"
        for setting in ("fsync", "synchronous_commit", "full_page_writes"):
            if self.query(f"SHOW {setting}") != [["on"]]:
                raise RuntimeError(f"PostgreSQL has {setting} off")
        self.query("CREATE DATABASE floor_template")
        call_floors(tools, "prepare", "--postgres", self._url("floor_template"))

    def _url(self, database):
        return f"postgresql://orch@/{database}?host={self.server.home}"

    def new(self, folder):
        self.forget()
        self.count += 1
        self.query(f"CREATE DATABASE cell{self.count}")
        self.forget()
        self.database = f"cell{self.count}"
        return ["--data", str(folder / "data"), "--postgres", self._url(self.database)]

    def begin(self):
        pass

    def forget(self):
        """Closes the session, and drops the database of the cell."""
        if self.session is not None:
            self.session.stdin.close()
            self.session.stdout.close()
            self.session.wait()
            self.session = None
        old, self.database = self.database, "postgres"
        if old != "postgres":
            self.query(f"DROP DATABASE {old} WITH (FORCE)")

    def query(self, sql):
        if self.session is None:
            self.session = subprocess.Popen(
                [self.psql, "-XAtq", "-v", "ON_ERROR_STOP=1", self._url(self.database)],
                stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.session.stdin.write(f"{sql};\n\\echo ==end==\n")
        self.session.stdin.flush()
        lines = []
        for line in self.session.stdout:
            if line == "==end==\n":
                return [row.rstrip("\n").split("|") for row in lines]
            lines.append(line)
        raise RuntimeError("psql: " + "".join(lines))

    def wal_bytes(self):
        return int(self.query("SELECT pg_current_wal_insert_lsn() - '0/0'::pg_lsn")[0][0])

    def rows(self, kind, table, since_micros=0):
        where = f" WHERE created_micros >= {since_micros}" if table == "head" else ""
        copy = f"COPY (SELECT body FROM {table}{where}) TO STDOUT (FORMAT binary)"
        with subprocess.Popen([self.psql, "-Xq", "-c", copy, self._url(self.database)],
                              stdout=subprocess.PIPE) as psql:
            return decode(self.tools, kind, psql.stdout)

    def processes(self):
        return {"postgres": lambda: family_cpu(self.pid)}

    def floor(self, rows, commits):
        self.count += 1
        name = f"floor{self.count}"
        self.query(f"CREATE DATABASE {name} TEMPLATE floor_template")
        try:
            return call_floors(self.tools, "postgres", "--postgres", self._url(name), "--rows", rows,
                               "--commits", commits)
        finally:
            self.query(f"DROP DATABASE {name} WITH (FORCE)")

    def close(self):
        self.forget()
        if self.session is not None:
            self.session.stdin.close()
            self.session.stdout.close()
            self.session.wait()
        self.server.close()


def spare_environment():
    return {key: value for key, value in os.environ.items() if not key.startswith("ORCH_")}
