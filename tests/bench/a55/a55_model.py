# SPDX-License-Identifier: Apache-2.0
"""Cycles of straight aarch64 code on a two-wide in-order core of the Cortex-A55 class.

The model, in rounded figures (docs/benchmarks.md says what it is for and what it leaves out):
  * two instructions per cycle, in order; a taken or untaken branch ends its cycle
  * two 64-bit vector pipes: a 128-bit vector operation takes both
  * one 64-bit load port: a load takes a cycle per 64 bits; a vector load of more than one cycle issues alone
  * one 128-bit store port
  * an instruction waits for its operands; results come LATENCIES cycles after issue
A block is scheduled as the body of a loop, and its steady state counts. No cache misses, no branch misses.
"""
import collections
import re
import subprocess

ATTRIBUTES = "+v8.2a,+dotprod,+fullfp16,+neon,+crc,+lse,+rcpc,+i8mm"
REGISTER = re.compile(r"\b([xwvqdshb])(\d+)\b|\b(sp|wsp)\b")
VECTOR = re.compile(r"\bv\d+\.|\b[qdsbh]\d+\b")
WIDE_LOAD = re.compile(r"\bq\d+|\.16b|\.8h|\.4s|\.2d")  # 128-bit registers
WIDE_OPERATION = re.compile(r"\.16b|\.8h|\.4s|\.2d|\bq\d")
COMPARES = {"cmp", "cmn", "tst", "ccmp", "fcmp", "fcmpe"}
SET_FLAGS = {"adds", "subs", "ands", "bics", "adcs", "sbcs"}
USE_FLAGS = ("csel", "csinc", "cset", "csneg", "csinv", "fcsel", "cinc")
MOVES = {"mov", "dup", "ins", "umov", "smov", "fmov"}
# Operations that read their destination.
ACCUMULATE = re.compile(
    r"(sdot|udot|usdot|[fsu]?mla|[fsu]?mls|[su]mlal|[su]mlsl|fmla|fmls|[su]aba|[su]adalp|[su]sra|sri|sli|tbx|bsl|bit|bif"
    r"|sqdmlal|movk|bfi|bfxil|bfm|sqxtn2|sqxtun2|uqxtn2|xtn2|shrn2|rshrn2|addhn2|smmla|ummla|usmmla|sqrdmlah)")
LATENCIES = [(re.compile(pattern), cycles) for pattern, cycles in (
    (r"sdot|udot|usdot|smmla|ummla|[su]mull2?|[su]mlal2?|[su]mlsl2?|mla|mls|sqr?dmulh|sqrdmlah|pmul", 4),
    (r"fmla|fmls|fmul|fmadd|fmsub|fnmadd|fnmsub|fadd|fsub|fcvt\w*|scvtf|ucvtf|frint\w*|fmax\w*|fmin\w*|fabd", 4),
    (r"fdiv|fsqrt|frecpe|frsqrte", 13),
    (r"addv|saddlv|uaddlv|smaxv|umaxv|faddp|fmaxv|sqxt|uqxt|sqadd|uqadd|sqrshl|srshl|urshl|sqshl|rshrn|[su]aba|[su]adalp", 4),
    (r"sdiv|udiv", 10),
    (r"madd|msub|mul|smaddl|umaddl|smulh|umulh|smull|umull", 4))]
VECTOR_LATENCY, MOVE_LATENCY, LOAD_LATENCY, VECTOR_LOAD_LATENCY = 2, 3, 3, 4

# pipes: of the two vector pipes; load, store: cycles of the port; alone: nothing else issues in its cycle.
Instruction = collections.namedtuple("Instruction", "reads writes pipes load store alone branch", defaults=(0, 0, 0, False, False))


def registers(text):
    """Vector registers of all widths are one name, z0; general ones r0."""
    return [("z" if kind and kind in "vqdshb" else "r") + (number or "sp") for kind, number, _ in REGISTER.findall(text)]


def parse(line):
    """What one line of assembler text needs and gives."""
    name, _, operands = line.replace("\t", " ").partition(" ")
    operands = operands.split("//")[0]
    if name.startswith(("b.", "cbz", "cbnz", "tbz", "tbnz")) or name in ("b", "bl", "br", "blr", "ret"):
        return Instruction(registers(operands) + (["flags"] if name.startswith("b.") else []), [], branch=True)
    bracket = operands.find("[")
    if bracket >= 0 and name.startswith(("ld", "prf", "st")) or name.startswith("ldr"):
        data, address = (operands[:bracket], operands[bracket:]) if bracket >= 0 else (operands, "")
        return parse_memory(name, data, address)
    return parse_operation(name, operands)


def parse_memory(name, data, address):
    # Of "{ v0.d }[1], [x0]" the address begins at the lane: such a load does not wait for the rest of its register.
    moved = registers(data)
    updates = [(registers(address)[0], 1)] if "!" in address or re.search(r"\],\s*", address) else []
    wide = bool(WIDE_LOAD.search(data))
    if name.startswith("prf"):
        return Instruction(registers(address), [], load=1)
    if name.startswith("st"):
        return Instruction(moved + registers(address), updates, store=max(1, len(moved) if wide else (len(moved) + 1) // 2))
    if VECTOR.search(data):
        cycles, latency = len(moved) * (2 if wide else 1), VECTOR_LOAD_LATENCY
    else:
        words = "w" in data.split(",")[0]
        cycles, latency = max(1, (len(moved) + 1) // 2 if words else len(moved)), LOAD_LATENCY
    alone = latency == VECTOR_LOAD_LATENCY and cycles > 1
    return Instruction(registers(address), [(r, latency + cycles - 1) for r in moved] + updates, load=cycles, alone=alone)


def parse_operation(name, operands):
    first, _, others = operands.partition(",")
    target, sources = registers(first), registers(others)
    if name in COMPARES:
        floating = name.startswith("f")
        return Instruction(target + sources, [("flags", 3 if floating else 1)], pipes=int(floating))
    latency = next((cycles for pattern, cycles in LATENCIES if pattern.match(name)), None)
    pipes = 0
    if VECTOR.search(operands):
        wide = bool(WIDE_OPERATION.search(operands)) or latency == 13
        to_or_from_lane = name in MOVES and name not in ("dup", "fmov") and "]" in operands
        pipes = 2 if wide and (not to_or_from_lane) else 1
        latency = latency or (MOVE_LATENCY if name in MOVES else VECTOR_LATENCY)
    writes = [(r, latency or 1) for r in target[:1]] + ([("flags", 1)] if name in SET_FLAGS else [])
    reads = sources + (target if ACCUMULATE.match(name) or "]" in first else []) + (["flags"] if name.startswith(USE_FLAGS) else [])
    return Instruction(reads, writes, pipes)


def cycles_per_iteration(lines, iterations=24):
    """Steady state of a loop with this body: the second half of the iterations."""
    body = [parse(line) for line in lines]
    ready = collections.defaultdict(int)
    cycle = issued = pipes = load_free = store_free = 0
    alone_in, ends = -1, []
    for _ in range(iterations):
        for i in body:
            start = max([cycle] + [ready[r] for r in i.reads] + ([load_free] if i.load else []) + ([store_free] if i.store else []))
            if start > cycle:
                cycle, issued, pipes = start, 0, 0
            if issued >= 2 or pipes + i.pipes > 2 or cycle == alone_in or (i.alone and issued > 0):
                cycle, issued, pipes = cycle + 1, 0, 0
            issued, pipes = issued + 1, pipes + i.pipes
            if i.alone:
                alone_in = cycle
            if i.load:
                load_free = cycle + i.load
            if i.store:
                store_free = cycle + i.store
            for register, latency in i.writes:
                ready[register] = cycle + latency
            if i.branch:
                issued = 2
        ends.append(cycle)
    return (ends[-1] - ends[iterations // 2 - 1]) / (iterations - iterations // 2)


def disassemble(words, tool="llvm-mc-19"):
    """{word as 8 hex digits: assembler text, None where unknown}, by one call of llvm-mc."""
    words = sorted(words)
    text = "\n".join(" ".join(f"0x{w[i:i + 2]}" for i in (6, 4, 2, 0)) for w in words)
    run = subprocess.run([tool, "--disassemble", "-triple=aarch64", "-mattr=" + ATTRIBUTES], input=text, capture_output=True, text=True)
    unknown = {int(n) for n in re.findall(r"<stdin>:(\d+):\d+: warning", run.stderr)}
    if run.returncode and not unknown:
        raise RuntimeError(f"{tool}: {run.stderr.strip()[:200]}")
    lines = iter(l.strip() for l in run.stdout.splitlines() if l.strip() and not l.strip().startswith("."))
    return {w: None if number in unknown else next(lines, None) for number, w in enumerate(words, 1)}


class Pricer:
    """Cycles of block counts {hex words: runs}. A block is priced once."""

    def __init__(self, coverage=0.995):
        self.coverage, self.text, self.prices = coverage, {}, {}

    def hot(self, counts):
        """The blocks with most instructions that together make up `coverage` of all; and the number of all."""
        size = lambda block: len(block) // 8
        blocks = sorted(((b, n) for b, n in counts.items() if n > 0), key=lambda x: -x[1] * size(x[0]))
        total = sum(n * size(b) for b, n in blocks)
        hot, sum_ = [], 0
        for block, n in blocks:
            if sum_ >= self.coverage * total:
                break
            sum_ += n * size(block)
            hot.append((block, n))
        return hot, total

    def price(self, blocks):
        split = lambda block: [block[i:i + 8] for i in range(0, len(block), 8)]
        new = [b for b in blocks if b not in self.prices]
        unknown = {w for b in new for w in split(b)} - self.text.keys()
        if unknown:
            self.text.update(disassemble(unknown))
        for block in new:
            lines = [self.text[w] for w in split(block)]
            self.prices[block] = (cycles_per_iteration(lines) if all(lines) else None, lines)

    def cycles(self, counts):
        """-> {"cycles", "instructions", "blocks": [(cycles, runs, cycles per run, lines)], hottest first}. What lies
        outside the hot blocks, or holds an unknown instruction, is charged at the others' average."""
        hot, total = self.hot(counts)
        self.price([b for b, _ in hot])
        known = [(self.prices[b][0], n, self.prices[b][1]) for b, n in hot if self.prices[b][0] is not None]
        covered = sum(n * len(lines) for _, n, lines in known)
        cycles = sum(per_run * n for per_run, n, _ in known)
        blocks = sorted(((per_run * n, n, per_run, lines) for per_run, n, lines in known), key=lambda r: -r[0])
        return {"cycles": cycles / covered * total if covered else 0.0, "instructions": total, "blocks": blocks}


def read_counts(path):
    """{tag: {hex words: runs}} of a file of the counting plugin; equal tags are added up."""
    words, marks, current = {}, {}, collections.Counter()
    with open(path) as file:
        for line in file:
            kind, first, *rest = line.split()
            if kind == "block":
                words[first] = rest[0]
            elif kind == "count":
                current[words[first]] += int(rest[0])
            else:
                marks.setdefault(first, collections.Counter()).update(current)
                current = collections.Counter()
    return marks
