# SPDX-License-Identifier: Apache-2.0
"""Programs that are alive at the same time and run in turns: every round runs each of them for a while, so that what
else the machine does, and its clock, hit all alike. Ratios are formed within rounds; their median counts."""
import os
import statistics
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent


class Worker:
    """A program that answers "run N" by the nanoseconds of N runs."""

    def __init__(self, command, environment=None, overhead=0.0):
        # overhead: nanoseconds per run that belong to the way of calling, not to the engine
        self.overhead = overhead
        env = {k: v for k, v in os.environ.items() if k != "OPENHB_ISA"}
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
                                        env={**env, **(environment or {})})
        if self.process.stdout.readline().strip() != "ready":
            self.close()
            raise RuntimeError(f"{' '.join(map(str, command))} does not start")

    def ask(self, command):
        self.process.stdin.write(command + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self.process.args} ended at '{command}'")
        return answer

    def run(self, n):
        """Median nanoseconds of n runs."""
        return statistics.median(int(t) for t in self.ask(f"run {n}").split()) - self.overhead

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def in_turns(workers, rounds, round_ms):
    """{name: [nanoseconds per round]}. Threads that still watch for work after their round get time to fall asleep."""
    runs = {}
    for name, worker in workers.items():
        worker.run(2)
        runs[name] = max(1, round(round_ms * 1e6 / worker.run(3)))
    times = {name: [] for name in workers}
    for _ in range(rounds):
        for name, worker in workers.items():
            time.sleep(0.004)
            worker.run(1)  # its data into the caches again
            times[name].append(worker.run(runs[name]))
    return times


def ratio(times, a, b):
    """Median over the rounds of a's time by b's; None where one was not measured."""
    if a not in times or b not in times:
        return None
    return statistics.median(x / y for x, y in zip(times[a], times[b]))


def milliseconds(times, name):
    return statistics.median(times[name]) / 1e6 if name in times else None


class Engines:
    """Makes workers for our engine and for stock ONNX Runtime."""

    def __init__(self, engine_worker, node_modules, work):
        self.engine_worker = engine_worker
        module = Path(node_modules) / "onnxruntime-node"
        self.module = module if module.exists() else None
        self.overhead = 0.0
        if self.module:
            self.overhead = self.measure_overhead(work)

    def ours(self, file, threads=1, isa=None):
        return Worker([self.engine_worker, file, threads], {"OPENHB_ISA": isa} if isa else None)

    def ort(self, file, threads=1, dump=None):
        command = ["node", HERE / "ort_worker.js", self.module, file, threads] + ([dump] if dump else [])
        return Worker(command, overhead=self.overhead)

    def measure_overhead(self, work):
        """Nanoseconds of a run of one Relu of eight numbers: what calling through node costs."""
        import onnx
        from onnx import TensorProto, helper
        value = lambda n: helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 8])
        graph = helper.make_graph([helper.make_node("Relu", ["x"], ["y"])], "empty", [value("x")], [value("y")])
        path = Path(work) / "empty.onnx"
        onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), str(path))
        worker = self.ort(path)
        worker.run(200)
        overhead = worker.run(500)
        worker.close()
        return overhead
