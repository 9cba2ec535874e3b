# SPDX-License-Identifier: Apache-2.0
"""Draws the traffic-sign pictures the example is trained and tested on.

Nothing is read from disk: every picture follows from the pair (seed, index),
so the data set can be made again anywhere.  A picture is built in four steps:

1. the sign is drawn upright on a square RGBA sheet (`draw_sheet`),
2. a background with distractors is painted (`draw_background`),
3. the sheet is tilted, scaled and shifted onto the background (`place_sheet`),
4. light, haze, blur and sensor noise are applied (`photograph`).
"""

import math

import numpy as np
from PIL import Image, ImageChops, ImageDraw, ImageFilter

PICTURE_SIZE = 64

# Sheet and scene are drawn larger than needed and then reduced; this is the
# only anti-aliasing ImageDraw's polygons get.
SHEET_SIZE = 256
SCENE_SCALE = 2
SCENE_SIZE = PICTURE_SIZE * SCENE_SCALE

RED = (190, 25, 35)
BLUE = (20, 75, 165)
YELLOW = (240, 185, 20)
WHITE = (240, 240, 236)
BLACK = (22, 22, 24)


# --------------------------------------------------------------------------
# Geometry in sign coordinates: x right, y down, the sign fills [-1, 1].


def regular_polygon(corners, radius, first_angle):
    """Corner points of a regular polygon; angles in degrees, 0 is right."""
    angles = [math.radians(first_angle + 360.0 * i / corners)
              for i in range(corners)]
    return [(radius * math.cos(a), radius * math.sin(a)) for a in angles]


def arc(cx, cy, rx, ry, start, end, steps=20):
    """Points along an elliptic arc; angles in degrees, clockwise on screen."""
    points = []
    for i in range(steps + 1):
        angle = math.radians(start + (end - start) * i / steps)
        points.append((cx + rx * math.cos(angle), cy + ry * math.sin(angle)))
    return points


# Glyphs as lists of strokes in a box of x in [-0.5, 0.5] and y in [-1, 1].
# Strokes rather than a font: the result must not depend on installed fonts.
GLYPHS = {
    "0": [arc(0, 0, 0.48, 1.0, 0, 360)],
    "3": [arc(-0.05, -0.5, 0.48, 0.5, -160, 90)
          + arc(-0.05, 0.5, 0.53, 0.5, -90, 160)],
    "5": [[(0.42, -1), (-0.38, -1), (-0.45, -0.08)]
          + arc(-0.05, 0.38, 0.53, 0.62, -135, 150)],
    "8": [arc(0, -0.52, 0.42, 0.48, 0, 360),
          arc(0, 0.48, 0.5, 0.52, 0, 360)],
    "S": [arc(0, -0.5, 0.48, 0.5, -30, -270, 14)
          + arc(0, 0.5, 0.48, 0.5, -90, 150, 14)],
    "T": [[(-0.5, -1), (0.5, -1)], [(0, -1), (0, 1)]],
    "O": [arc(0, 0, 0.5, 1.0, 0, 360)],
    "P": [[(-0.45, 1), (-0.45, -1), (0.05, -1)]
          + arc(0.05, -0.48, 0.43, 0.52, -90, 90, 12) + [(-0.45, 0.04)]],
}


class Sheet:
    """A transparent square on which one upright sign is drawn."""

    def __init__(self, colours):
        # `colours` maps the nominal colours to this picture's faded ones.
        self.colours = colours
        self.image = Image.new("RGBA", (SHEET_SIZE, SHEET_SIZE), (0, 0, 0, 0))
        self.draw = ImageDraw.Draw(self.image)

    @staticmethod
    def _pixels(points):
        # 0.94 leaves a transparent rim, so that the later resampling never
        # cuts the sign off at the sheet's border.
        half = SHEET_SIZE / 2
        return [(half + 0.94 * half * x, half + 0.94 * half * y)
                for x, y in points]

    def polygon(self, points, colour):
        self.draw.polygon(self._pixels(points), fill=self.colours[colour])

    def disc(self, radius, colour, cx=0.0, cy=0.0):
        (x0, y0), (x1, y1) = self._pixels([(cx - radius, cy - radius),
                                           (cx + radius, cy + radius)])
        self.draw.ellipse((x0, y0, x1, y1), fill=self.colours[colour])

    def stroke(self, points, width, colour):
        """A polyline with round ends and joints."""
        pixel_width = max(1, round(0.94 * SHEET_SIZE / 2 * width))
        self.draw.line(self._pixels(points), fill=self.colours[colour],
                       width=pixel_width)
        for x, y in points:
            self.disc(width / 2, colour, x, y)

    def text(self, letters, height, width, pitch, stroke_width, colour):
        """Glyphs next to each other, the whole word centred on (0, 0)."""
        for position, letter in enumerate(letters):
            centre = (position - (len(letters) - 1) / 2) * pitch
            for points in GLYPHS[letter]:
                self.stroke([(centre + x * width, y * height / 2)
                             for x, y in points], stroke_width, colour)


# --------------------------------------------------------------------------
# The signs.


def draw_stop(sheet):
    sheet.polygon(regular_polygon(8, 1.06, 22.5), WHITE)
    sheet.polygon(regular_polygon(8, 0.98, 22.5), RED)
    sheet.text("STOP", 0.62, 0.30, 0.43, 0.105, WHITE)


def draw_yield(sheet):
    sheet.polygon([(-1, -0.82), (1, -0.82), (0, 0.92)], RED)
    sheet.polygon([(-0.56, -0.57), (0.56, -0.57), (0, 0.42)], WHITE)


def draw_no_entry(sheet):
    sheet.disc(1.0, WHITE)
    sheet.disc(0.95, RED)
    sheet.polygon([(-0.7, -0.18), (0.7, -0.18), (0.7, 0.18), (-0.7, 0.18)],
                  WHITE)


def draw_speed(digits):
    def draw(sheet):
        sheet.disc(1.0, RED)
        sheet.disc(0.80, WHITE)
        sheet.text(digits, 0.88, 0.44, 0.66, 0.15, BLACK)
    return draw


def draw_turn(side):
    """A bent arrow; `side` is -1 for left and 1 for right."""
    def draw(sheet):
        sheet.disc(1.0, WHITE)
        sheet.disc(0.95, BLUE)
        sheet.stroke([(-0.38 * side, 0.55), (-0.38 * side, -0.12),
                      (0.25 * side, -0.12)], 0.23, WHITE)
        sheet.polygon([(0.15 * side, -0.5), (0.15 * side, 0.26),
                       (0.70 * side, -0.12)], WHITE)
    return draw


def draw_ahead_only(sheet):
    sheet.disc(1.0, WHITE)
    sheet.disc(0.95, BLUE)
    sheet.stroke([(0, 0.6), (0, -0.2)], 0.23, WHITE)
    sheet.polygon([(-0.40, -0.12), (0.40, -0.12), (0, -0.72)], WHITE)


def draw_priority_road(sheet):
    sheet.polygon(regular_polygon(4, 1.02, 0), BLACK)
    sheet.polygon(regular_polygon(4, 0.98, 0), WHITE)
    sheet.polygon(regular_polygon(4, 0.66, 0), YELLOW)


def draw_warning(sheet):
    sheet.polygon([(-1, 0.82), (1, 0.82), (0, -0.92)], RED)
    sheet.polygon([(-0.66, 0.63), (0.66, 0.63), (0, -0.53)], WHITE)
    sheet.polygon([(-0.11, -0.22), (0.11, -0.22), (0.06, 0.27),
                   (-0.06, 0.27)], BLACK)
    sheet.disc(0.10, BLACK, 0, 0.45)


def draw_pedestrian_crossing(sheet):
    sheet.polygon([(-0.9, -0.9), (0.9, -0.9), (0.9, 0.9), (-0.9, 0.9)], WHITE)
    sheet.polygon([(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85),
                   (-0.85, 0.85)], BLUE)
    sheet.polygon([(-0.72, 0.6), (0.72, 0.6), (0, -0.7)], WHITE)
    sheet.disc(0.10, BLACK, 0.02, -0.30)                          # head
    sheet.stroke([(0.0, -0.14), (-0.02, 0.16)], 0.14, BLACK)      # body
    sheet.stroke([(-0.22, 0.12), (0.0, -0.10), (0.2, 0.1)], 0.07, BLACK)
    sheet.stroke([(-0.24, 0.48), (-0.02, 0.16), (0.22, 0.48)], 0.09, BLACK)
    for x in (-0.48, -0.12, 0.24):                                # stripes
        sheet.polygon([(x, 0.5), (x + 0.2, 0.5), (x + 0.24, 0.6),
                       (x - 0.04, 0.6)], BLACK)


SIGNS = [
    ("stop", draw_stop),
    ("yield", draw_yield),
    ("no_entry", draw_no_entry),
    ("speed_30", draw_speed("30")),
    ("speed_50", draw_speed("50")),
    ("speed_80", draw_speed("80")),
    ("turn_left", draw_turn(-1)),
    ("turn_right", draw_turn(1)),
    ("ahead_only", draw_ahead_only),
    ("priority_road", draw_priority_road),
    ("warning", draw_warning),
    ("pedestrian_crossing", draw_pedestrian_crossing),
]
CLASS_NAMES = [name for name, _ in SIGNS]


# --------------------------------------------------------------------------
# The four steps.


def to_colour(values):
    return tuple(int(min(255, max(0, round(float(v))))) for v in values)


def random_colour(rng):
    """A colour as found along roads: mostly dull, now and then vivid."""
    base = rng.uniform(20, 235)
    spread = 90 if rng.random() < 0.25 else 28
    return to_colour(base + rng.uniform(-spread, spread, 3))


def fade_colours(rng):
    """Each nominal sign colour as it looks on one particular, aged sign."""
    age = rng.uniform(0.0, 0.35)
    grey = rng.uniform(110, 200)
    faded = {}
    for colour in (RED, BLUE, YELLOW, WHITE, BLACK):
        values = np.array(colour) + rng.normal(0, 11, 3)
        faded[colour] = to_colour((1 - age) * values + age * grey) + (255,)
    return faded


def draw_sheet(rng, class_index):
    sheet = Sheet(fade_colours(rng))
    SIGNS[class_index][1](sheet)
    return sheet.image.reduce(2)


def texture(rng, cells):
    """Smooth noise of about `cells` bumps per side, values around 0."""
    grid = rng.integers(0, 256, (cells, cells), dtype=np.uint8)
    enlarged = Image.fromarray(grid).resize((SCENE_SIZE, SCENE_SIZE),
                                            Image.Resampling.BICUBIC)
    return (np.asarray(enlarged, dtype=np.float32) - 128.0) / 128.0


def draw_background(rng):
    """A gradient with texture, and shapes that compete with the sign."""
    top, bottom = (np.array(random_colour(rng), dtype=np.float32)
                   for _ in range(2))
    ramp = np.linspace(0, 1, SCENE_SIZE, dtype=np.float32)
    if rng.random() < 0.4:
        # A horizon instead of a smooth transition.
        ramp = (ramp > rng.uniform(0.3, 0.8)).astype(np.float32)
    scene = top + (bottom - top) * ramp[:, None, None]
    scene = np.broadcast_to(scene, (SCENE_SIZE, SCENE_SIZE, 3)).copy()
    for cells in (4, 12, 40):
        tint = rng.uniform(0, 34) * rng.uniform(0.6, 1.0, 3)
        scene += texture(rng, cells)[:, :, None] * tint.astype(np.float32)
    image = Image.fromarray(np.clip(scene, 0, 255).astype(np.uint8))

    draw = ImageDraw.Draw(image)
    for _ in range(rng.integers(1, 8)):
        # Distractors borrow the sign colours at times: colour alone must not
        # be enough to recognise a sign.
        if rng.random() < 0.4:
            nominal = (RED, BLUE, YELLOW, WHITE, BLACK)[rng.integers(5)]
            colour = to_colour(np.array(nominal) + rng.normal(0, 25, 3))
        else:
            colour = random_colour(rng)
        cx, cy = rng.uniform(0, SCENE_SIZE, 2)
        rx, ry = rng.uniform(5, 42, 2)
        kind = rng.integers(5)
        if kind == 0:
            draw.rectangle((cx - rx, cy - ry, cx + rx, cy + ry), fill=colour)
        elif kind == 1:
            draw.ellipse((cx - rx, cy - ry, cx + rx, cy + ry), fill=colour)
        elif kind == 2:
            draw.ellipse((cx - rx, cy - rx, cx + rx, cy + rx),
                         outline=colour, width=int(rng.integers(3, 9)))
        elif kind == 3:
            corners = rng.uniform(-42, 42, (3, 2)) + (cx, cy)
            draw.polygon([tuple(corner) for corner in corners], fill=colour)
        else:
            ends = rng.uniform(0, SCENE_SIZE, 4)
            draw.line([float(end) for end in ends], fill=colour,
                      width=int(rng.integers(2, 11)))
    return image


def place_sheet(rng, scene, sheet, radius):
    """Pastes the tilted sign, its pole and sometimes a twig onto the scene.

    `radius` is the sign's, in pixels of the finished picture.
    """
    radius = radius * SCENE_SCALE
    # At most a small part of the sign may leave the picture.
    reach = max(0.0, SCENE_SIZE / 2 - 0.92 * radius)
    cx, cy = SCENE_SIZE / 2 + rng.uniform(-reach, reach, 2)

    angle = math.radians(rng.uniform(-16, 16))
    rotate = np.array([[math.cos(angle), -math.sin(angle), cx],
                       [math.sin(angle), math.cos(angle), cy],
                       [0, 0, 1]])
    tilt = np.array([[radius * rng.uniform(0.72, 1.0), rng.uniform(-0.12, 0.12)
                      * radius, 0],
                     [0, radius * rng.uniform(0.88, 1.0), 0],
                     [rng.uniform(-0.18, 0.18), rng.uniform(-0.12, 0.12), 1]])
    half = sheet.size[0] / 2
    centre = np.array([[1 / half, 0, -1], [0, 1 / half, -1], [0, 0, 1]])
    # PIL wants the map from the output back to the input.
    back = np.linalg.inv(rotate @ tilt @ centre)
    back = (back / back[2, 2]).ravel()[:8]
    sign = sheet.transform(scene.size, Image.Transform.PERSPECTIVE,
                           [float(v) for v in back],
                           Image.Resampling.BILINEAR)

    draw = ImageDraw.Draw(scene)
    if rng.random() < 0.6:
        pole = radius * rng.uniform(0.05, 0.12)
        lean = math.tan(angle) * (SCENE_SIZE - cy)
        draw.polygon([(cx - pole, cy), (cx + pole, cy),
                      (cx + pole - lean, SCENE_SIZE),
                      (cx - pole - lean, SCENE_SIZE)],
                     fill=random_colour(rng))
    if rng.random() < 0.3:
        # A hard shadow whose edge runs across the sign.
        shade = Image.new("L", scene.size, 255)
        edge = rng.uniform(-0.7, 0.7) * radius
        slope = rng.uniform(-0.8, 0.8)
        ImageDraw.Draw(shade).polygon(
            [(0, cy + edge - slope * cx), (SCENE_SIZE, cy + edge + slope
                                           * (SCENE_SIZE - cx)),
             (SCENE_SIZE, SCENE_SIZE * 3), (0, SCENE_SIZE * 3)],
            fill=int(rng.integers(110, 200)))
        alpha = sign.getchannel("A")
        colour = ImageChops.multiply(sign.convert("RGB"),
                                     Image.merge("RGB", (shade,) * 3))
        scene.paste(colour, (0, 0), alpha)
    else:
        scene.paste(sign, (0, 0), sign)

    if rng.random() < 0.25:
        # A thin twig in front of the sign.
        draw = ImageDraw.Draw(scene)
        heading = rng.uniform(0, math.pi)
        dx, dy = 90 * math.cos(heading), 90 * math.sin(heading)
        ox, oy = (cx, cy) + rng.uniform(-0.9, 0.9, 2) * radius
        draw.line((ox - dx, oy - dy, ox + dx, oy + dy),
                  fill=random_colour(rng),
                  width=max(1, round(radius * rng.uniform(0.04, 0.14))))
    return scene


def photograph(rng, scene):
    """Turns the scene into what a cheap camera would have recorded."""
    if rng.random() < 0.5:
        scene = scene.filter(ImageFilter.GaussianBlur(
            SCENE_SCALE * float(rng.uniform(0.2, 1.0))))
    picture = np.asarray(scene.reduce(SCENE_SCALE), dtype=np.float32)

    if rng.random() < 0.25:
        # Motion blur along one axis, up to three pixels long.
        length = int(rng.integers(2, 4))
        axis = int(rng.integers(0, 2))
        padding = [(0, 0)] * 3
        padding[axis] = (0, length - 1)
        padded = np.pad(picture, padding, mode="edge")
        picture = sum(np.take(padded, range(i, i + PICTURE_SIZE), axis)
                      for i in range(length)) / np.float32(length)

    # Light: overall gain from dusk to glare, falling off to one side, with a
    # colour cast.
    gain = math.exp(rng.uniform(math.log(0.42), math.log(1.25)))
    heading = rng.uniform(0, 2 * math.pi)
    slope = rng.uniform(0, 0.35)
    axis = np.linspace(-1, 1, PICTURE_SIZE)
    light = gain * (1 + slope * (axis[None, :] * math.cos(heading)
                                 + axis[:, None] * math.sin(heading)))
    cast = rng.uniform(0.88, 1.12, 3)
    picture = picture * light[:, :, None] * cast

    haze = rng.uniform(0, 0.40) if rng.random() < 0.4 else 0.0
    picture = (1 - haze) * picture + haze * rng.uniform(90, 210)

    picture = picture + rng.normal(0, rng.uniform(0, 9), picture.shape)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


def draw_picture(seed, index):
    """Picture `index` of the set `seed`: (64x64x3 uint8, class, radius)."""
    # A generator per picture: any picture can be drawn without the others.
    rng = np.random.default_rng([seed, index])
    class_index = index % len(SIGNS)
    radius = rng.uniform(13.0, 29.0)
    scene = draw_background(rng)
    scene = place_sheet(rng, scene, draw_sheet(rng, class_index), radius)
    return photograph(rng, scene), class_index, radius


def draw_set(seed, count):
    """`count` pictures as uint8 [count, 64, 64, 3], their classes and their
    signs' radii."""
    pictures = np.empty((count, PICTURE_SIZE, PICTURE_SIZE, 3), np.uint8)
    labels = np.empty(count, np.int64)
    radii = np.empty(count, np.float32)
    for index in range(count):
        pictures[index], labels[index], radii[index] = draw_picture(seed,
                                                                    index)
    return pictures, labels, radii
