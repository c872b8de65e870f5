"""Makes the PNG files here, with Python's own zlib: 9x7 pixels, sample k of pixel (x, y) is x * 37 + y * 91 + k * 50, in every
kind of PNG, plain and interlaced. The JPEG files are made by make_jpeg.cpp."""
import struct
import zlib

WIDTH, HEIGHT = 9, 7
SAMPLES = {0: ("grey", 1), 2: ("rgb", 3), 3: ("palette", 1), 4: ("grey_alpha", 2), 6: ("rgba", 4)}
PASSES = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2)]


def chunk(kind, data):
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def rows(xs, ys, depth, pixel):
    for y in ys:
        bits = "".join(format(sample, f"0{depth}b") for x in xs for sample in pixel(x, y))
        bits += "0" * (-len(bits) % 8)
        yield b"\0" + bytes(int(bits[i:i + 8], 2) for i in range(0, len(bits), 8))


def write(name, width, height, depth, colour, pixel, interlaced=False, extra=b""):
    grids = [(range(x, width, dx), range(y, height, dy)) for x, y, dx, dy in PASSES] if interlaced else \
        [(range(width), range(height))]
    data = b"".join(row for xs, ys in grids if xs for row in rows(xs, ys, depth, pixel))
    header = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    with open(name + ".png", "wb") as file:
        file.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + extra + chunk(b"IDAT", zlib.compress(data, 9)) +
                   chunk(b"IEND", b""))


for colour, (kind, samples) in SAMPLES.items():
    for depth in (1, 2, 4, 8, 16):
        if (colour in (2, 4, 6) and depth < 8) or (colour == 3 and depth > 8):
            continue
        colours = min(1 << depth, 16)  # of the palette; its entry 1 is half transparent
        extra = chunk(b"PLTE", bytes(i * 53 % 256 for i in range(3 * colours))) + chunk(b"tRNS", b"\xff\x80") \
            if colour == 3 else b""

        def pixel(x, y):
            values = [(x * 37 + y * 91 + k * 50) % 256 for k in range(samples)]
            if colour == 3:
                return [v % colours for v in values]
            return [v * 257 if depth == 16 else v >> (8 - depth) for v in values]

        for interlaced in (False, True):
            write(f"{kind}{depth}" + "_interlaced" * interlaced, WIDTH, HEIGHT, depth, colour, pixel, interlaced, extra)
write("colour_key", 4, 3, 8, 2, lambda x, y: (x, y, 7), extra=chunk(b"tRNS", struct.pack(">HHH", 1, 1, 7)))
