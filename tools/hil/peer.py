#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Puts a board behind the optical core's converter boundary: an example.

peer.py PATH serves one `triptych run -t optical --set
periphery=socket:unix:PATH` and ends. Put your board where Board is; here it
is made of ideal converters (dac.unit_sigma and adc.unit_sigma of 1e-9).
emulators/optical/hil/README.md specifies the bytes.
"""
import array
import socket
import struct
import sys
import zlib

MAGIC, HEADER = 0x4C485254, struct.Struct('<IHHII')
HELLO, WELCOME, CONFIGURE, DONE, OPEN = 1, 2, 3, 4, 5
SOURCES, LEVELS, RECEIVERS, VALUES = 7, 8, 9, 10
BYE, REFUSED, AGAIN = 15, 16, 18


class Board:
    def configure(self, sources, receivers, dac_bits, adc_bits):
        self.dac_bits, self.adc_bits = dac_bits, adc_bits

    def open(self, role, tile, first, count):
        """Before the vectors of a tile: sources (0) or receivers (1)."""

    def shine(self, codes):
        """Codes to light: levels in 1/256 LSB of ten bits."""
        return [code << (10 - self.dac_bits) << 8 for code in codes]

    def receive(self, levels):
        """Light, 1/256 LSB, to values: 1/16 LSB from the middle code."""
        top, middle = (1 << self.adc_bits) - 1, 1 << (self.adc_bits - 1)
        codes = (min(max((level + 128) // 256, 0), top) for level in levels)
        return [(code - middle) * 16 for code in codes]


def text(words):
    return bytes([len(words)]) + words.encode()


def answer(board, kind, payload):
    """(type, payload) of the answer to a request."""
    if kind == HELLO:
        oldest, newest = struct.unpack_from('<HH', payload)
        if not oldest <= 1 <= newest:
            return REFUSED, text('version 1 is all that is known here')
        # No capabilities; 65,536 lanes of ten bits.
        return WELCOME, struct.pack('<HIIIBB', 1, 0, 65536, 65536, 10,
                                    10) + text('an example board')
    if kind == CONFIGURE:
        board.configure(*struct.unpack_from('<IIBB', payload))
        return DONE, b''
    if kind == OPEN:
        board.open(*struct.unpack('<BxHII', payload))
        return DONE, b''
    if kind == SOURCES:
        levels = board.shine(array.array('H', payload))
        return LEVELS, array.array('i', levels).tobytes()
    if kind == RECEIVERS:
        values = board.receive(array.array('i', payload))
        return VALUES, array.array('h', values).tobytes()
    return REFUSED, text(f'no request of type {kind}')


def frame(kind, sequence, payload):
    header = HEADER.pack(MAGIC, kind, 0, sequence, len(payload))
    return (header + struct.pack('<I', zlib.crc32(header)) + payload
            + struct.pack('<I', zlib.crc32(payload)))


def serve(host, board):
    done, last = 0, b''
    while len(header := host.recv(20, socket.MSG_WAITALL)) == 20:
        magic, kind, _, sequence, length, crc = struct.unpack('<IHHIII', header)
        if magic != MAGIC or crc != zlib.crc32(header[:16]):
            # Lines that lose bytes need a search for the next header.
            sys.exit('out of step with the host')
        rest = host.recv(length + 4, socket.MSG_WAITALL)
        payload, crc = rest[:-4], int.from_bytes(rest[-4:], 'little')
        if zlib.crc32(payload) != crc:
            host.sendall(frame(AGAIN, done + 1, b''))
            continue
        if kind == BYE:
            return
        if sequence not in (done, done + 1):
            host.sendall(frame(REFUSED, sequence, text('out of turn')))
            continue
        if sequence != done:  # else it was done, and its answer got lost
            kind, said = answer(board, kind, payload)
            done, last = sequence, frame(kind, sequence, said)
        host.sendall(last)


if __name__ == '__main__':
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(sys.argv[1])
        listener.listen()
        print('listening', flush=True)
        serve(listener.accept()[0], Board())
