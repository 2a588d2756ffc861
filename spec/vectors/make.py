#!/usr/bin/env python3
# SPDX-License-Identifier: BSD-2-Clause
"""Build the conformance vectors from their text sources.

usage: make.py OUTDIR

Reads every *.txt beside this file and writes OUTDIR/NAME.psnap, and
OUTDIR/manifest with one line for each vector:

    NAME CODE RULE OFFSET       code and rule as in psnap.md, offset in decimal;
                                "NAME ok - -" for a good one

This is a second writer, made from psnap.md alone and sharing no code with
libsnap.  README.md beside it describes the text.
"""

import hashlib
import os
import re
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
SCHEMA = os.path.join(HERE, "..", "..", "format")

HEADER, BLOCK, TRAILER = 64, 48, 128
META, PAGES, INDEX, PAD = 1, 2, 3, 4
CHUNK = 4096


# ---- checksums -------------------------------------------------------------

def _crc_table():
    table = []
    for n in range(256):
        for _ in range(8):
            n = n >> 1 ^ (0x82F63B78 if n & 1 else 0)
        table.append(n)
    return table


CRC_TABLE = _crc_table()


def crc32c(data):
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ CRC_TABLE[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


def digest(domain, *parts):
    h = hashlib.blake2b(bytes([domain]), digest_size=32)
    for part in parts:
        h.update(part)
    return h.digest()


# ---- the schema, read from the .proto files ----------------------------------

class Schema:
    def __init__(self):
        self.messages, self.values = {}, {}
        for name in sorted(os.listdir(SCHEMA)):
            if name.endswith(".proto"):
                self._read(os.path.join(SCHEMA, name))

    def _read(self, path):
        fields = None
        for line in open(path, encoding="utf-8"):
            line = line.split("//")[0].strip()
            if m := re.match(r"message (\w+)", line):
                fields = self.messages.setdefault(m[1], {})
            elif re.match(r"enum (\w+)", line):
                fields = None
            elif m := re.match(r"(repeated )?(\w+) (\w+) = (\d+)", line):
                if fields is not None:
                    fields[m[3]] = (int(m[4]), m[2], bool(m[1]))
            elif m := re.match(r"(\w+) = (\d+);", line):
                self.values[m[1]] = int(m[2])


def varint(n):
    n &= 0xFFFFFFFFFFFFFFFF
    out = bytearray()
    while n >= 0x80:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, value):
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


TOKEN = re.compile(r'"((?:[^"\\]|\\.)*)"|([\w.+-]+)|([{}\[\],:])')


class Text:
    """Protobuf's text form, as much of it as the vectors use."""

    def __init__(self, schema, text):
        self.schema = schema
        self.tokens = [m for m in TOKEN.finditer(text)]
        self.at = 0

    def peek(self):
        return self.tokens[self.at][0] if self.at < len(self.tokens) else None

    def take(self, want=None):
        token = self.tokens[self.at]
        if want is not None and token[0] != want:
            raise ValueError(f"expected {want!r}, found {token[0]!r}")
        self.at += 1
        return token

    def scalar(self, kind):
        token = self.take()
        if token[1] is not None:
            return token[1].encode("latin-1").decode("unicode_escape").encode("latin-1")
        word = token[0]
        if word in ("true", "false"):
            return int(word == "true")
        return self.schema.values[word] if word in self.schema.values else int(word, 0)

    def message(self, name):
        found = []
        fields = self.schema.messages[name]
        while self.peek() not in (None, "}"):
            key = self.take()[0]
            number, kind, repeated = fields[key]
            if kind in self.schema.messages:
                self.take("{")
                found.append((number, self.message(kind), True))
                self.take("}")
                continue
            self.take(":")
            if self.peek() == "[":
                self.take("[")
                values = []
                while self.peek() != "]":
                    values.append(self.scalar(kind))
                    if self.peek() == ",":
                        self.take(",")
                self.take("]")
            else:
                values = [self.scalar(kind)]
            if repeated and kind not in ("string", "bytes"):
                found.append((number, b"".join(map(varint, values)), True))
            else:
                found += [(number, v, repeated) for v in values]
        found.sort(key=lambda f: f[0])
        return b"".join(field(n, v) for n, v, keep in found if keep or v not in (0, b""))


# ---- one vector ---------------------------------------------------------------

def zstd_frame(raw):
    """A valid frame of uncompressed blocks: the same bytes with any zstd."""
    out = struct.pack("<IBQ", 0xFD2FB528, 0xE0, len(raw))
    pieces = [raw[i:i + 0x20000] for i in range(0, len(raw), 0x20000)] or [b""]
    for i, piece in enumerate(pieces):
        word = len(piece) << 3 | (i == len(pieces) - 1)
        out += struct.pack("<I", word)[:3] + piece
    return out


def numbers(words):
    return {k: int(v, 0) for k, v in (w.split("=") for w in words)}


class Block:
    def __init__(self, kind, codec=0, flags=0, table=0):
        self.kind, self.codec, self.flags, self.table = kind, codec, flags, table
        self.count, self.aux, self.raw = 0, b"", b""
        self.override = {}

    def encode(self, seq):
        stored = zstd_frame(self.raw) if self.codec == 1 else self.raw
        values = dict(magic=b"PBK1", type=self.kind, codec=self.codec, flags=self.flags, seq=seq,
                      count=self.count, aux_length=len(self.aux), stored=len(stored),
                      raw=len(self.raw), table=self.table, aux_crc=crc32c(self.aux),
                      data_crc=crc32c(stored), reserved=0)
        values.update(self.override)
        head = struct.pack("<4sBBHIIIIIIIII", *values.values())
        return head + struct.pack("<I", crc32c(head)) + self.aux + stored


class Vector:
    def __init__(self, schema, name):
        self.schema, self.name = schema, name
        self.header = dict(major=1, minor=0, length=HEADER, incompat=0, compat=0, autoclear=0,
                           page_shift=12, hash=1, checksum=1, needs="", reserved=0)
        self.blocks = []
        self.records, self.left_out = {}, set()
        self.trailer, self.directory, self.tables = {}, [], []
        self.patches = []
        self.expect = None

    def run(self, lines):
        lines = list(lines)
        while lines:
            line = lines.pop(0).split("#")[0].rstrip()
            words = line.split()
            if words:
                getattr(self, "do_" + words[0].replace("-", "_"))(words[1:], lines)

    # the text's statements

    def do_include(self, words, lines):
        with open(os.path.join(HERE, words[0] + ".txt"), encoding="utf-8") as f:
            lines[:0] = [s for s in f.read().split("\n") if not s.startswith("expect")]
        self.left_out.update(numbers(words[1:]).values())

    def do_header(self, words, lines):
        names = [w for w in words if w.startswith("needs=")]
        self.header.update(numbers([w for w in words if w not in names]))
        self.header.update(w.split("=", 1) for w in names)

    def do_meta(self, words, lines):
        self.blocks.append(Block(META, codec=int("zstd" in words)))

    def do_record(self, words, lines):
        """record KIND ID [critical=N] [revision=N] { fields }"""
        kind, ident = words[0], int(words[1], 0)
        rest = [w for w in words[2:] if "=" in w]
        text, depth = " ".join(w for w in words[2:] if "=" not in w), 0
        while text.count("{") > text.count("}"):
            text += " " + lines.pop(0).split("#")[0].strip()
        if ident in self.left_out:
            self.left_out.remove(ident)
            return
        options = numbers(rest)
        name = "".join(p.capitalize() for p in kind.split("_"))
        if kind.isdigit():
            number, payload = int(kind), bytes.fromhex(text.strip("{} "))
        else:
            number = self.schema.values["KIND_" + kind]
            payload = Text(self.schema, text.strip()[1:-1]).message(name)
        payload += b"\0" * options.get("pad", 0)
        self.add_record(number, ident, options, payload)

    def do_raw_record(self, words, lines):
        """raw-record KIND ID HEX: a payload byte by byte"""
        self.add_record(self.schema.values["KIND_" + words[0]], int(words[1], 0), {},
                        bytes.fromhex(words[2]) if len(words) > 2 else b"")

    def add_record(self, number, ident, options, payload):
        block = self.blocks[-1]
        head = struct.pack("<HBBIQ", number, options.get("revision", 0), options.get("critical", 0),
                           options.get("length", len(payload)), ident)
        self.records.setdefault(ident, (number, len(self.blocks) - 1, len(block.raw), len(payload)))
        block.raw += head + payload
        block.count += 1

    def do_meta_bytes(self, words, lines):
        self.blocks[-1].raw += bytes.fromhex(words[0])

    def do_pages(self, words, lines):
        self.blocks.append(Block(PAGES, codec=int("zstd" in words), flags=int("aligned" in words)))

    def do_run(self, words, lines):
        """run OWNER FIRST COUNT stored|zero|parent [fill=BYTE]"""
        block, size = self.blocks[-1], 1 << self.header["page_shift"]
        owner, first, count = (int(w, 0) for w in words[:3])
        kind = {"stored": 0, "zero": 1, "parent": 2}.get(words[3])
        kind = int(words[3], 0) if kind is None else kind
        block.aux += struct.pack("<QQII", owner, first, count, kind)
        if kind == 0:
            fill = numbers(words[4:]).get("fill", 0x41)
            block.count += count
            block.raw += bytes([fill]) * size * count

    def do_padding(self, words, lines):
        """padding: zeros, so that the next block's payload is aligned"""
        self.blocks.append(Block(PAD))
        self.blocks[-1].to_align = True

    def do_pad(self, words, lines):
        self.blocks.append(Block(PAD))
        self.blocks[-1].raw = bytes(int(words[0], 0))

    def do_block(self, words, lines):
        """block FIELD=N...: what the last block's header says, whatever is true"""
        self.blocks[-1].override.update(numbers(words))

    def do_trailer(self, words, lines):
        self.trailer.update(numbers(words))

    def do_directory(self, words, lines):
        """directory N FIELD=VALUE...: override in entry N"""
        self.directory.append((int(words[0]), numbers(words[1:])))

    def do_index(self, words, lines):
        """index TABLE N OFFSET HEX: bytes of entry N of a table, before hashing"""
        self.tables.append((words[0], int(words[1]), int(words[2], 0), bytes.fromhex(words[3])))

    def do_patch(self, words, lines):
        """patch OFFSET HEX: bytes of the finished file, checksums left alone"""
        self.patches.append(("patch", int(words[0], 0), bytes.fromhex(words[1])))

    def do_truncate(self, words, lines):
        self.patches.append(("truncate", int(words[0], 0), b""))

    def do_append(self, words, lines):
        self.patches.append(("append", 0, bytes.fromhex(words[0])))

    def do_expect(self, words, lines):
        """expect ok | expect CODE RULE OFFSET"""
        self.expect = words + ["-"] * (3 - len(words))

    # bytes

    def header_bytes(self):
        h = self.header
        head = b"\x89PSNAP\r\n" + struct.pack(
            "<HHIQQQBBB", h["major"], h["minor"], h["length"], h["incompat"], h["compat"],
            h["autoclear"], h["page_shift"], h["hash"], h["checksum"])
        head += h["needs"].encode("latin-1").ljust(16, b"\0") + bytes([h["reserved"]])
        return head + struct.pack("<I", crc32c(head))

    def table_entries(self):
        blocks, runs = [], []
        out, size = b"", 1 << self.header["page_shift"]
        position = HEADER
        for seq, b in enumerate(self.blocks):
            if getattr(b, "to_align", False):
                after = self.blocks[seq + 1]
                b.raw = bytes(-(position + BLOCK + BLOCK + len(after.aux)) % size)
            data = b.encode(seq)
            blocks.append(struct.pack("<QIBBH", position, len(data), b.kind, b.codec, b.flags) +
                          digest(0, data))
            place = 0
            for i in range(0, len(b.aux) - 23, 24):
                owner, first, count, kind = struct.unpack_from("<QQII", b.aux, i)
                stored = kind == 0
                runs.append((owner, first, count, kind, seq if stored else 0, place if stored else 0))
                place += count if stored else 0
            out += data
            position += len(data)
        objects = [struct.pack("<QHHIII", ident, kind, 0, block, offset, length)
                   for ident, (kind, block, offset, length) in sorted(self.records.items())]
        runs = [struct.pack("<QQIIII", *r) for r in sorted(runs)]
        self.counts = [sum(r[1] for r in []), 0]
        return out, {1: blocks, 2: objects, 3: runs}

    def encode(self):
        header = self.header_bytes()
        body, tables = self.table_entries()
        names = {"blocks": 1, "objects": 2, "runs": 3}
        for table, n, offset, data in self.tables:
            entry = tables[names[table]][n]
            tables[names[table]][n] = entry[:offset] + data + entry[offset + len(data):]
        position, seq = HEADER + len(body), len(self.blocks)
        directory = []
        for table, entries in tables.items():
            for i in range(0, len(entries), CHUNK):
                part = entries[i:i + CHUNK]
                block = Block(INDEX, table=table)
                block.count, block.raw = len(part), b"".join(part)
                data = block.encode(seq)
                key, key2 = 0, 0
                if table == 1:
                    key = i
                elif table == 2:
                    key, = struct.unpack_from("<Q", part[0])
                else:
                    key, key2 = struct.unpack_from("<QQ", part[0])
                directory.append(dict(table=table, count=len(part), offset=position, length=len(data),
                                      reserved=0, key=key, key2=key2, digest=digest(1, data)))
                body += data
                position += len(data)
                seq += 1
        for n, override in self.directory:
            directory[n].update(override)
        block = Block(INDEX, table=4)
        block.count = len(directory)
        block.raw = b"".join(struct.pack("<IIQIIQQ32s", *e.values()) for e in directory)
        data = block.encode(seq)
        stored = sum(b.count for b in self.blocks if b.kind == PAGES)
        zero = sum(c for b in self.blocks if b.kind == PAGES
                   for _, _, c, k in struct.iter_unpack("<QQII", b.aux) if k == 1)
        t = dict(file_length=position + len(data) + TRAILER, dir_offset=position,
                 dir_length=len(data), reserved1=0, root=digest(2, header, data),
                 blocks=len(self.blocks), objects=sum(b.count for b in self.blocks if b.kind == META),
                 stored=stored, zero=zero, reserved2=0)
        t.update(self.trailer)
        trailer = b"PSNAPEND" + struct.pack("<QQII32sQQQQ", *list(t.values())[:-1])
        trailer += bytes([t["reserved2"]]).ljust(28, b"\0")
        out = header + body + data + trailer + struct.pack("<I", crc32c(trailer))
        for what, offset, patch in self.patches:
            if what == "patch":
                out = out[:offset] + patch + out[offset + len(patch):]
            elif what == "truncate":
                out = out[:offset]
            else:
                out += patch
        return out


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: make.py OUTDIR")
    outdir = sys.argv[1]
    os.makedirs(outdir, exist_ok=True)
    schema, manifest = Schema(), []
    for source in sorted(os.listdir(HERE)):
        name, ext = os.path.splitext(source)
        if ext != ".txt":
            continue
        vector = Vector(schema, name)
        with open(os.path.join(HERE, source), encoding="utf-8") as f:
            vector.run(f.read().split("\n"))
        if vector.expect is None:
            sys.exit(f"{source}: no expect line")
        with open(os.path.join(outdir, name + ".psnap"), "wb") as f:
            f.write(vector.encode())
        code, rule, offset = vector.expect[:3]
        if offset != "-":
            offset = str(int(offset, 0))
        manifest.append(f"{name} {code} {rule} {offset}\n")
    with open(os.path.join(outdir, "manifest"), "w", encoding="utf-8") as f:
        f.writelines(manifest)


if __name__ == "__main__":
    main()
