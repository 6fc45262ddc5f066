"""T-BOMB-1, the half of the letter: small bytes that claim to be large end in a refusal, in little memory."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """
import resource
resource.setrlimit(resource.RLIMIT_AS, (512 << 20, 512 << 20))
import msgspec
from letter_kit import letter
from tiercel.errors import MalformedBundle, MalformedLetter
from tiercel.letter.record import decode_letter, encode_letter
from tiercel.sealing.envelope import split_bundle
from tiercel.sealing.padding import unpad_body

items = msgspec.msgpack.decode(encode_letter(letter()))
parts = [msgspec.msgpack.encode(item) for item in items]

def with_field(index, data):
    return b"\\xdc\\x00\\x17" + b"".join([*parts[:index], data, *parts[index + 1:]])

lengths = [b"\\x7f\\xff\\xff\\xff", b"\\x80\\x00\\x00\\x00", b"\\xff\\xff\\xff\\xff"]
def bombs():
    yield from (b"", b"\\x91" * 4_000_000, b"\\xdd\\x7f\\xff\\xff\\xff" * 1000, b"\\x01" * 9_000_000)
    for index in range(23):
        for head in (b"\\xdd", b"\\xdb", b"\\xc6", b"\\xdf", b"\\xc9"):
            yield from (with_field(index, head + length) for length in lengths)
        for depth in (b"\\x91", b"\\x81", b"\\xdd\\x00\\x00\\x00\\x01"):
            yield with_field(index, depth * 1_000_000)
        for item in (b"\\xc0", b"\\x90", b"\\x95\\xc4\\x00\\xc4\\x00\\x00"):
            yield with_field(index, b"\\xdd\\x00\\x0f\\x42\\x40" + item * 1_000_000)

count = 0
for bomb in bombs():
    count += 1
    try:
        decode_letter(bomb)
    except MalformedLetter:
        continue
    raise SystemExit("a bomb was taken for a letter")
for length in lengths:
    for data in (length + bytes(1788), length * 448, b"\\x00\\x00\\x00\\x08" + bytes(8) + length * 445):
        for opener in (split_bundle, lambda data: unpad_body(data[:1792 - 1204])):
            try:
                opener(data[:1792])
            except MalformedBundle:
                continue
            raise SystemExit("a bomb was taken for a bundle")
# Not ru_maxrss: that one starts at the size of the process that started this one.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(count, int(status["VmHWM"].split()[0]) >> 10)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the peak of memory is read from /proc")
def test_T_BOMB_1_of_the_letter() -> None:
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env={"PYTHONPATH": f"{root / 'src'}:{root / 'tests'}"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-2000:] + done.stdout
    bombs, peak_mib = map(int, done.stdout.split())
    assert bombs > 400
    assert peak_mib < 200
