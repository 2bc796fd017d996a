# SPDX-License-Identifier: Apache-2.0
"""The command line as scripts see it: JSON keys, exit codes, messages.

Usage: cli_test.py TRIPTYCH. Runs in the source root. Prints one line a case
and 'N passed, N failed'; exits 1 if any failed.
"""
import functools
import json
import math
import os
import struct
import subprocess
import sys
import tempfile
import wave
import xml.etree.ElementTree

sys.path.append("tests")  # as it runs in the source root
import cases

TRIPTYCH = sys.argv[1]
TARGETS = ["cpu", "mesh", "optical", "npu"]
GENERATED = {
    "target", "preset", "text", "tokens", "kl_nats_per_token",
    "top1_agreement", "prefill_s", "decode_s_per_token", "energy_j_per_token",
    "assumed_energy_fraction", "host_wall_s", "ops",
}
PROFILED = {"seconds", "cycles", "energy_j", "bytes", "utilisation", "bound",
            "ops"}
HEARD = {"target", "preset", "file", "label", "probability", "probabilities",
         "seconds", "cycles", "energy_j", "assumed_energy_fraction",
         "utilisation", "bound", "host_wall_s"}
SCORED = {"measure", "rows", "mape_pct", "median_ape_pct", "p90_ape_pct",
          "max_ape_pct", "rows_detail"}
BENCHED = {"op", "variant", "dtype", "threads", "gflops", "peak_fraction",
           "roof_fraction", "bound", "level", "best_s", "median_s", "rounds",
           "peer", "peer_gflops", "peer_version", "peer_region", "ratio",
           "ratio_of_pairs", "ratio_low", "ratio_high", "ratio_decided",
           "problem", "machine"}
ACCURACY = {"nll_nats_per_token", "perplexity", "kl_nats_per_token",
            "top1_agreement", "predictions", "class"}


SHARED = os.environ.get("TRIPTYCH_SHARED", "../shared")


def run(*arguments):
    return subprocess.run([TRIPTYCH, *arguments], capture_output=True,
                          text=True, timeout=300)


def results(*arguments):
    """The results of a command that must succeed, from --json -."""
    done = run(*arguments, "--json", "-")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["results"]


def refused(*arguments, says):
    """The command is refused with exit code 2 and a message that `says`."""
    done = run(*arguments)
    assert done.returncode == 2, f"exit code {done.returncode}"
    assert says in done.stderr, f"stderr: {done.stderr}"
    assert done.stdout == "", "results on stdout beside an error"


def compare_puts_targets_side_by_side():
    rows = results("compare", "-t", ",".join(TARGETS), "-p",
                   "Once upon a time", "-n", "6")
    assert [row["target"] for row in rows] == TARGETS
    for row in rows:
        assert GENERATED <= row.keys(), GENERATED - row.keys()
        assert row["text"].startswith("Once upon a time")
        assert row["kl_nats_per_token"] >= 0
        assert row["prefill_s"] > 0 and row["decode_s_per_token"] > 0
        assert 0 <= row["assumed_energy_fraction"] <= 1
        assert row["ops"]


def layers_add_up():
    optical, npu = results("compare", "-t", "optical,npu", "-n", "3",
                           "--layers")
    plain, = results("run", "-t", "optical", "-n", "3")
    for key in plain.keys() - {"host_wall_s"}:
        assert optical[key] == plain[key], key
    near = functools.partial(math.isclose, rel_tol=1e-9)
    for row in optical, npu:
        assert row["layers"].keys() == {"prefill", "decode"}
        for report in row["layers"].values():
            total = report["total"]
            for rows in (report["nodes"], report["operators"],
                         report["layers"], [total]):
                for key in "cycles", "energy_j", "seconds", "nodes":
                    assert near(sum(r[key] for r in rows), total[key]), key
                for r in rows:
                    assert near(sum(r["cycles_by_part"].values()),
                                r["cycles"]), r["name"]
                    assert near(sum(r["energy_by_action"].values()),
                                r["energy_j"]), r["name"]
    decode = optical["layers"]["decode"]["total"]
    assert (decode["energy_by_action"].keys() ==
            optical["energy_by_action"].keys())
    for action, joules in optical["energy_by_action"].items():
        assert near(decode["energy_by_action"][action], joules), action
    assert decode["cycles_by_part"].keys() == {
        "load", "stream", "drain", "stall", "host", "link"}
    assert decode["dominant_error"] in [e["name"] for e in decode["errors"]]
    assert 0.5 < decode["explained_error"] < 2
    assert 2 < decode["effective_bits"] < 8
    assert 0 <= decode["readings"]["clip_rate"]["value"] < 0.1
    assert decode["readings"]["detected_photons_per_mac"]["value"] > 0
    # A machine that counts nothing of itself is still compared.
    of_npu = npu["layers"]["decode"]["total"]
    assert of_npu["cycles_by_part"].keys() == {"machine", "host", "link"}
    assert of_npu["effective_bits"] > 2 and "readings" not in of_npu
    text = run("run", "-t", "optical", "-n", "2", "--layers").stdout
    for column in "stall", "effective bits", "dominant noise", "laser.emit":
        assert column in text, column
    # By shape alone there is time, and nothing to compare.
    shape, = results("profile", "-m", "llama-3.2-1b", "-t", "optical",
                     "--layers")
    total = shape["layers"]["decode"]["total"]
    assert near(total["cycles"], shape["cycles"])
    assert total["cycles_by_part"]["load"] > 0
    assert total["effective_bits"] is None and "readings" not in total


def the_same_seed_gives_the_same_run():
    command = ["run", "-t", "optical", "-n", "5", "--seed", "3", "--temp", "1"]
    first, second = results(*command)[0], results(*command)[0]
    for row in first, second:
        del row["host_wall_s"]
    assert first == second
    other = results("run", "-t", "optical", "-n", "5", "--seed", "4", "--temp",
                    "1")[0]
    assert other["tokens"] != first["tokens"]


def threads_do_not_change_a_run():
    one, two = (results("run", "-t", "npu", "-n", "5", "--threads", n)[0]
                for n in ("1", "2"))
    for row in one, two:
        del row["host_wall_s"]
    assert one == two


def run_writes_a_timeline():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "trace.json")
        assert run("run", "-t", "mesh", "-n", "2", "--trace",
                   path).returncode == 0
        with open(path, encoding="utf-8") as file:
            events = json.load(file)["traceEvents"]
    slices = [e for e in events if e["ph"] == "X"]
    assert len(slices) > 50
    assert all(e["dur"] >= 0 for e in slices)


def timelines_have_two_forms():
    with tempfile.TemporaryDirectory() as folder:
        def first_byte(name, *arguments):
            path = os.path.join(folder, name)
            assert run("profile", "-m", "llama-3.2-1b", "-t", "npu", "--trace",
                       path, *arguments).returncode == 0
            with open(path, "rb") as file:
                return file.read(1)
        assert first_byte("a.json") == b"{"
        assert first_byte("a.pftrace") == b"\n"  # field 1, length-delimited
        assert first_byte("b.json", "--trace-format", "perfetto") == b"\n"
        assert first_byte("b.pftrace", "--trace-format", "json") == b"{"
    refused("profile", "--trace-format", "json", says="--trace")


def profile_needs_no_weights():
    for phase in "prefill", "decode":
        rows = results("profile", "-m", "llama-3.2-1b", "--phase", phase,
                       "--context", "128", "--batch", "2")
        assert {row["target"] for row in rows} >= set(TARGETS) | {"gpu"}
        for row in rows:
            assert PROFILED <= row.keys(), PROFILED - row.keys()
            assert row["seconds"] > 0 and row["energy_j"] > 0
            # 2 flops a weight (the embedding's table is the head's) a token.
            tokens = 2 * (128 if phase == "prefill" else 1)
            assert row["flops"] > 1.9 * 0.9e9 * tokens
    rows = results("profile", "-m", "wan2.2-t2v-a14b", "--phase", "encode")
    assert all(row["flops"] > 6.4e15 for row in rows)


def write_tone(path, rate):
    """A second of 440 Hz, in 16 bits."""
    with wave.open(path, "wb") as file:
        file.setparams((1, 2, rate, 0, "NONE", ""))
        for n in range(rate):
            sample = int(9000 * math.sin(2 * math.pi * 440 * n / rate))
            file.writeframesraw(sample.to_bytes(2, "little", signed=True))


def classify_hears_on_each_target():
    with tempfile.TemporaryDirectory() as folder:
        clips = [os.path.join(folder, name) for name in ("a.wav", "b.wav")]
        for clip, rate in zip(clips, (16000, 22050)):
            write_tone(clip, rate)
        command = ["classify", "-m", "random:kwt-1", "--audio",
                   ",".join(clips)]
        rows = results(*command, "-t", "cpu,npu")
        assert [row["target"] for row in rows] == ["cpu"] * 2 + ["npu"] * 2
        assert [row["file"] for row in rows] == clips * 2
        for row in rows:
            assert HEARD <= row.keys(), HEARD - row.keys()
            chances = row["probabilities"]
            assert len(chances) == 12 and "_silence_" in chances
            assert math.isclose(sum(chances.values()), 1)
            assert row["label"] == max(chances, key=chances.get)
            assert row["probability"] == chances[row["label"]]
            assert row["seconds"] > 0 and row["energy_j"] > 0
        # The same tone at another rate is the same tone; int8 is not f32.
        for word, chance in rows[0]["probabilities"].items():
            assert abs(rows[1]["probabilities"][word] - chance) < 0.02
        assert rows[2]["probabilities"] != rows[0]["probabilities"]
        labels = os.path.join(folder, "labels.txt")
        with open(labels, "w", encoding="utf-8") as file:
            file.write("".join(f"word {i}\n" for i in range(12)))
        row = results(*command, "--labels", labels)[0]
        assert row["label"].startswith("word ")
        text = run(*command, "--labels", labels).stdout
        assert "a.wav" in text and "time/clip" in text
        with open(labels, "a", encoding="utf-8") as file:
            file.write("one more\n")
        refused(*command, "--labels", labels, says="13 names; must be one")
        refused("classify", "-m", "random:bert-base", "--audio", clips[0],
                says="does not hear")
        refused("classify", "-m", "kwt-1", "--audio", clips[0],
                says="without weights")
    refused("classify", "-m", "random:kwt-1", "--audio", "README.md",
            says="README.md: offset 0: header: not a WAVE file")
    refused("classify", "-m", "random:kwt-1", says="--audio")


def op_predicts_a_product():
    row = results("op", "-t", "mesh", "matmul", "m=512", "k=512", "n=512")[0]
    assert row["seconds"] > 0


def npu_streams_are_files():
    with tempfile.TemporaryDirectory() as folder:
        def path(name):
            return os.path.join(folder, name)
        made = results("npu", "compile", "--phase", "prefill", "--tokens", "4",
                       "-o", path("a.tnpu"))[0]
        assert made["data_bytes"] > 0
        assert made["commands"] < made["commands_unrolled"]
        info = results("npu", "info", path("a.tnpu"))[0]
        assert info["command_bytes"] == 32 * made["commands"]
        # Text and back: the same commands, without the weights.
        assert run("npu", "disasm", path("a.tnpu"), "-o",
                   path("a.txt")).returncode == 0
        results("npu", "asm", path("a.txt"), "-o", path("b.tnpu"))
        again = run("npu", "disasm", path("b.tnpu"))
        with open(path("a.txt"), encoding="utf-8") as file:
            assert again.stdout == file.read()
        ran = results("npu", "run", path("a.tnpu"), "--ids", "1,5,9,3",
                      "--trace", path("t.json"))[0]
        assert ran["cycles"] > 0 and ran["energy_j"] > 0
        assert len(ran["top"]) == 5
        with open(path("t.json"), encoding="utf-8") as file:
            assert len(json.load(file)["traceEvents"]) > 100
        refused("npu", "run", path("a.tnpu"), "--ids", "1", says="allowed 4")
        refused("npu", "run", path("a.tnpu"), "--set", "cores=2",
                says="made for 4 cores")
        refused("npu", "run", path("a.txt"), says="a.txt")
        # Notes may name what they like; only activations are written.
        with open(path("a.tnpu"), "rb") as file:
            whole = file.read()
        for note, name in ((b'"ids":"tokens.activations"', "ids"),
                           (b'"output":"head.activations"', "output")):
            label = b"tok_embed.floats"
            damaged = note.split(b":")[0] + b':"' + label + b'"'
            assert note in whole
            with open(path("c.tnpu"), "wb") as file:
                file.write(whole.replace(
                    note, damaged + b" " * (len(note) - len(damaged))))
            refused("npu", "run", path("c.tnpu"), "--ids", "1,5,9,3",
                    says=f"note '{name}': 'tok_embed.floats'")
    # By shape alone, a decoding step of a model of a billion weights.
    with tempfile.NamedTemporaryFile(suffix=".tnpu") as file:
        made = results("npu", "compile", "-m", "llama-3.2-1b", "--context",
                       "1024", "-o", file.name)[0]
        assert made["command_bytes"] < 64 * 1024
        assert made["data_bytes"] == 0


def bench_compares_with_a_peer():
    # On a machine that may be busy: what is computed, not how fast.
    quick = ["--seconds", "0.005", "--unsteady"]
    with tempfile.TemporaryDirectory() as folder:
        svg = os.path.join(folder, "roof.svg")
        rows = results("bench", "matmul", "dtype=f32", "m=1,5", "n=48",
                       "k=64", "--peers", "eigen", "--svg", svg, *quick)
        root = xml.etree.ElementTree.parse(svg).getroot()
        titles = [e.text for e in root.iter() if e.tag.endswith("title")]
        assert any("m=5 n=48 k=64" in t and "bound by" in t and "of eigen" in t
                   for t in titles), titles
    assert [row["m"] for row in rows] == [1, 5]
    for row in rows:
        assert BENCHED <= row.keys(), BENCHED - row.keys()
        assert row["problem"] == "" and row["peer"] == "eigen"
        assert row["n"] == 48 and row["k"] == 64 and row["threads"] == 1
        flops = 2 * row["m"] * 48 * 64
        assert math.isclose(row["gflops"] * 1e9 * row["best_s"], flops)
        assert math.isclose(
            row["peer_gflops"] / row["gflops"] * row["ratio"], 1)
        assert row["best_s"] <= row["median_s"]
        assert row["ratio_low"] <= row["ratio_of_pairs"] <= row["ratio_high"]
        assert row["bound"] in ("compute", row["level"])
        roofs = row["roof_fraction"], row["peak_fraction"]
        assert roofs[0] >= roofs[1] * (1 - 1e-12) and roofs[1] > 0, roofs
        assert row["machine"]["clock_hz"] > 1e8
        assert isinstance(row["machine"]["steady"], bool)
    # Two threads; the operators that have no peers; operands in no cache.
    row, = results("bench", "matmul", "variant=u8s8", "m=3", "n=7", "k=5",
                   "--threads", "2", *quick)
    assert row["threads"] == 2 and row["dtype"] == "u8s8"
    row, = results("bench", "rmsnorm", "variant=f32", "rows=4", "cols=64",
                   *quick)
    assert row["rows"] == 4 and row["peer"] is row["ratio"] is None
    row, = results("bench", "silu", "variant=f32", "rows=64", "cols=4096",
                   "--cold", *quick)
    assert row["cold"] and row["level"] == "DRAM"
    text = run("bench", "matmul", "dtype=bf16", "m=4", "n=16", "k=16",
               "--peers", "eigen", *quick).stdout
    assert "m=4 n=16 k=16" in text and "geometric mean of 1" in text


def validate_scores_a_table():
    rows = results("validate", "npu",
                   "emulators/npu/validation/scalesim_compute.csv")
    assert SCORED <= rows[0].keys(), SCORED - rows[0].keys()
    assert rows[0]["rows"] == len(rows[0]["rows_detail"]) == 180


def topology_is_timed_as_scale_sim_does():
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "net.csv")
        with open(file, "w", encoding="utf-8") as out:
            out.write("Layer, M, N, K,\nqk, 128, 128, 64,\n")
        rows = results("npu", "topology", file, "--array", "16,32",
                       "--dataflow", "os,ws")
        # Two machines by two dataflows, each layer and the total.
        assert len(rows) == 8
        assert [r["cycles"] for r in rows if r["layer"] == "qk"] == [
            6015, 2015, 5567, 1775]
        config = os.path.join(folder, "machine.cfg")
        with open(config, "w", encoding="utf-8") as out:
            out.write("ArrayHeight: 16\nArrayWidth: 16\nBandwidth: 2\n"
                      "IfmapSramSzkB: 32\nFilterSramSzkB: 32\n"
                      "OfmapSramSzkB: 16\nInterfaceBandwidth: USER\n")
        row = results("npu", "topology", file, "--config", config)[0]
        assert (row["cycles"], row["stall_cycles"]) == (25457, 19890)
        assert row["dram_ofmap_words"] == 65537
        with open(file, "a", encoding="utf-8") as out:
            out.write("pv, 0, 1, 1,\n")
        refused("npu", "topology", file, says="net.csv:3: M: \"0\"")


def accuracy_gates_against_a_baseline():
    with tempfile.TemporaryDirectory() as folder:
        base = os.path.join(folder, "baseline.json")
        junit = os.path.join(folder, "junit.xml")
        command = ["accuracy", "-t", "npu", "--self", "40", "--baseline", base]
        rows = results(*command, "--accept")
        assert ACCURACY <= rows[0].keys(), ACCURACY - rows[0].keys()
        assert run(*command, "--junit", junit).returncode == 0
        with open(junit, encoding="utf-8") as file:
            assert 'failures="0"' in file.read()
        worse = run(*command, "--junit", junit, "--set", "weight_bits=3")
        assert worse.returncode == 1, "three bits passed the gate"
        with open(junit, encoding="utf-8") as file:
            assert 'failures="1"' in file.read()
        other = run(*command[:4], "39", *command[5:])
        assert other.returncode == 1 and "39" in other.stderr
        # A text of the same length is another text all the same.
        other = run(*command, "--seed", "9")
        assert other.returncode == 1 and "settings" in other.stderr
        for broken in "[]", '{"results": 3}', '{"results": [{"target": 1}]}':
            with open(base, "w", encoding="utf-8") as file:
                file.write(broken)
            refused(*command, says=base)


def accuracy_takes_recorded_logits():
    with tempfile.TemporaryDirectory() as folder:
        logits = os.path.join(folder, "logits.bin")
        command = ["accuracy", "-t", "npu", "--self", "40"]
        first, = results(*command, "--record", logits)
        again, = results(*command, "--against", logits)
        for key, value in first.items():
            if isinstance(value, float):
                # f32 logits of the reference: a ten-millionth.
                assert abs(again[key] - value) < 1e-6 * abs(value) + 1e-12, key
            else:
                assert again[key] == value, key
        refused("accuracy", "-t", "npu", "--self", "39", "--against", logits,
                says=f"{logits}: byte 56: recorded on another text")
        refused("accuracy", "--self", "40", "--against", "/nowhere",
                says="/nowhere: cannot be read")
        refused("accuracy", "--against", logits, "--record", logits,
                says="--record")


def accuracy_over_seeds_of_noise():
    noisy, still = results("accuracy", "-t", "optical,npu", "--self", "40",
                           "--seeds", "4")
    assert noisy["seeds"] == 4 and not noisy["deterministic"]
    assert 0 < noisy["kl_half_width_95_by_seed"] < 1
    assert still["deterministic"] and still["kl_half_width_95_by_seed"] == 0


def accuracy_by_operator():
    row, = results("accuracy", "-t", "optical", "--self", "60", "--operators",
                   "--attribute", "--detail-tokens", "32")
    operators = {op["name"]: op for op in row["operators"]}
    assert operators["layers.1.attn.q"]["layer"] == 1
    for op in operators.values():
        # On the host or in light: only products are light's.
        assert (op["own"]["rms"] > 1e-3) == (op["op"] == "matmul"), op
    parts = row["attribution"]["operators"]
    assert {part["op"] for part in parts} == {"matmul"}
    assert parts == sorted(parts, key=lambda part: -part["kl_alone"])
    assert row["attribution"]["layers"], "the costliest is not drilled down"
    # The host alone is f32; all on the target is what the costliest causes.
    assert row["attribution"]["kl_all_on_host"] < 1e-9
    assert parts[0]["kl_alone"] < 3 * row["attribution"]["kl_all_on_target"]


def accuracy_writes_as_much_text_as_asked_for():
    # More than the model's context: several texts.
    for tokens in 30, 600:
        row, = results("accuracy", "-t", "cpu", "--self", str(tokens))
        assert row["predictions"] == tokens
        assert row["kl_nats_per_token"] < 1e-9


def accuracy_by_llama_cpp_protocol():
    # Perplexity that llama.cpp prints for these weights and this text.
    data = os.path.join(SHARED, "data")
    model = os.path.join(data, "stories260K.bin")
    if not os.path.exists(model):
        print(f"skipped: {model} is not here")
        return
    text = os.path.join(data, "tinystories_sample_plain.txt")
    command = ["accuracy", "-m", model, "--tokenizer",
               os.path.join(data, "tok512.bin"), "--text", text, "--protocol",
               "llama.cpp"]
    row, = results(*command, "--context", "256")
    assert abs(row["perplexity"] - 3.9016) < 0.0005, row["perplexity"]
    assert row["predictions"] == 7 * 127


def tokenize_gives_ids_and_pieces():
    row, = results("tokenize", "-p", "Once upon a time")
    assert row["count"] == len(row["tokens"]) > 1
    assert row["tokens"][0]["type"] == "control"
    assert "".join(token["piece"] for token in row["tokens"][1:]) == \
        " Once upon a time"
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        json.dump({"pre_tokenizer": {"type": "ByteLevel",
                                     "add_prefix_space": False},
                   "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2},
                             "merges": ["a b"]}}, file)
        file.flush()
        row, = results("tokenize", "-m", file.name, "-p", "aab")
        assert [token["id"] for token in row["tokens"]] == [0, 2]
    refused("run", "--chat", "-p", "Hi", "-n", "1",
            says="chat template: the model has none; known are llama-3.1")
    refused("run", "--chat", "--chat-template", "chatml", "-p", "Hi", "-n",
            "1", says="<|im_start|>: the vocabulary has no such token")


def list_lists_everything():
    for what in ("targets", "presets", "models", "params", "actions",
                 "kernels", "ops"):
        assert len(results("list", what)) >= 5, what


def a_context_too_long_is_said():
    done = run("run", "-t", "cpu", "-p", "Once upon a time", "-n", "300")
    assert done.returncode == 0, done.stderr
    assert "made for at most 256" in done.stderr, done.stderr


def json_goes_to_a_file_too():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "out.json")
        done = run("list", "targets", "--json", path)
        assert done.returncode == 0 and "npu" in done.stdout
        with open(path, encoding="utf-8") as file:
            assert json.load(file)["command"] == "list"


def bad_input_is_refused_with_a_reason():
    refused("frobnicate", says="frobnicate")
    refused("run", "-t", "warp", says="warp")
    refused("run", "-t", "mesh:none", says="none")
    refused("run", "-m", "/nowhere", says="/nowhere: no such file")
    refused("run", "-n", "0", says="--predict")
    refused("run", "-t", "npu", "--set", "cors=3", says="cores")
    refused("run", "-t", "npu", "--set", "cores=0", says="allowed")
    refused("run", "-t", "npu", "--set", "cores", says="cores")
    refused("run", "-m", "llama-3.2-1b", says="profile")
    refused("profile", "-m", "llama-3.2-1b", "--phase", "encode",
            says="encode")
    refused("op", "-t", "npu", "matmul", "m", says="key=value")
    refused("validate", "npu", "/nowhere.csv", says="/nowhere.csv")
    refused("accuracy", "--accept", says="--baseline")
    refused("accuracy", "--context", "3", says="--context")
    refused("run", "--json", "/nowhere/a.json", says="/nowhere/a.json")
    refused("run", "--trace", "/nowhere/a.json", says="/nowhere/a.json")
    refused("op", "matmul", "m=1", says="-t")
    refused("bench", "matmul", "dtype=q9", says="bench: dtype=q9: no such")
    refused("bench", "matmul", "shapes=all", says="allowed: square")
    refused("bench", "matmul", "m=0", says="m=0: must be")
    refused("bench", "matmul", "dtype=f32", "--peers", "mkl",
            says="--peers mkl: no such peer; allowed: onednn")
    refused("bench", "softmax", "--peers", "eigen", says="--peers: softmax/")
    refused("bench", "matmul", "--seconds", "0", says="--seconds")
    refused("bench", "matmul", "--svg", "/nowhere/a.svg", says="/nowhere")
    with tempfile.NamedTemporaryFile("w", suffix=".toml") as config:
        config.write('target = "npu"\n[cores]\nvalue = "many"\n')
        config.flush()
        refused("run", "-t", config.name, says=f"{config.name}:")
    with tempfile.NamedTemporaryFile("wb", suffix=".gguf") as model:
        model.write(b"GGUF\x03\0\0\0" + b"\xff" * 16)
        model.flush()
        refused("run", "-m", model.name, says=model.name)


def a_checkpoint(folder):
    """A Hugging Face llama of few numbers, all zero, in `folder`."""
    config = {
        "architectures": ["LlamaForCausalLM"], "num_hidden_layers": 2,
        "hidden_size": 8, "intermediate_size": 12, "num_attention_heads": 2,
        "num_key_value_heads": 2, "vocab_size": 5, "hidden_act": "silu",
        "max_position_embeddings": 16, "rms_norm_eps": 1e-5,
        "tie_word_embeddings": True,
    }
    shapes = {"embed_tokens": [5, 8], "norm": [8]}
    for layer in range(2):
        for name, shape in {
                "input_layernorm": [8], "post_attention_layernorm": [8],
                "self_attn.q_proj": [8, 8], "self_attn.k_proj": [8, 8],
                "self_attn.v_proj": [8, 8], "self_attn.o_proj": [8, 8],
                "mlp.gate_proj": [12, 8], "mlp.up_proj": [12, 8],
                "mlp.down_proj": [8, 12]}.items():
            shapes[f"layers.{layer}.{name}"] = shape
    header, end = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 2 * math.prod(shape)
        header[f"model.{name}.weight"] = {
            "dtype": "BF16", "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header).encode()
    with open(os.path.join(folder, "config.json"), "w") as out:
        json.dump(config, out)
    with open(os.path.join(folder, "model.safetensors"), "wb") as out:
        out.write(len(text).to_bytes(8, "little") + text + bytes(end))
    return sum(map(math.prod, shapes.values()))


def inspect_looks_into_model_files():
    shipped = results("inspect", "models/default/triptych-stories.gguf")[0]
    assert shipped["format"] == "GGUF" and shipped["family"] == "llama"
    assert shipped["tokenizer"]["pieces"] == shipped["config"]["vocab"]
    assert shipped["metadata"]["general.architecture"] == "llama"
    assert sum(t["bytes"] for t in shipped["tensors"]) < shipped["bytes"]
    with tempfile.TemporaryDirectory() as folder:
        parameters = a_checkpoint(folder)
        file = os.path.join(folder, "model.safetensors")
        for path in folder, file:
            found = results("inspect", path)[0]
            assert found["format"] == "safetensors"
            assert found["architecture"] == "LlamaForCausalLM"
            assert found["parameters"] == parameters
            assert found["config"]["rope.style"] == "half"
            assert found["metadata"] == {"format": "pt"}
            last = found["tensors"][-1]
            assert last["offset"] + last["bytes"] == found["bytes"]
        text = run("inspect", folder, "--tensors").stdout
        assert "model.layers.1.mlp.down_proj.weight" in text
        # An architecture that is not read is looked into all the same.
        config = os.path.join(folder, "config.json")
        with open(config, "w") as out:
            out.write('{"architectures": ["MambaForCausalLM"]}')
        found = results("inspect", folder)[0]
        assert "MambaForCausalLM" in found["not_read"]
        assert len(found["tensors"]) == 20
        with open(file, "r+b") as out:
            out.truncate(os.path.getsize(file) - 1)
        refused("inspect", folder, says="data_offsets: ends at")
    refused("inspect", "README.md", says="not a model file")


def inspect_looks_into_a_tflite_file():
    model = os.path.join(SHARED, "data", "kwt1_non_stream.tflite")
    if not os.path.exists(model):
        print(f"skipped: {model} is not here")
        return
    done = run("inspect", model, "--json", "-")
    if "set it up with -Dtflite=enabled" in done.stderr:
        print("skipped: built without TFLite")
        return
    found = json.loads(done.stdout)["results"][0]
    assert found["format"] == "TFLite" and found["family"] == "kwt"
    assert found["parameters"] == 607308
    assert found["config"]["layers"] == 12 and found["config"]["dim"] == 64
    assert found["config"]["norm_place"] == "post"
    assert found["front_end"] == {"samples": 16000, "rows": 98,
                                  "features": 40}
    assert found["metadata"]["operator.FULLY_CONNECTED"] == "102"
    assert found["metadata"]["quantization"] == "none"
    weights = {t["name"]: t for t in found["tensors"]}
    assert weights["class_emb"]["shape"] == [1, 1, 64]
    text = run("inspect", model).stdout
    assert "16000 samples to 98 rows of 40 features" in text
    row, = results("profile", "-m", model, "-t", "npu", "--phase", "encode")
    assert row["seconds"] > 0


def tile_program(path, words, machine=243):
    """The least ELF: one segment, which is also where it starts."""
    base = 0x1000
    header = struct.pack("<16sHHIIIIIHHHHHH", b"\x7fELF\x01\x01\x01", 2,
                         machine, 1, base, 52, 0, 0, 52, 32, 1, 40, 0, 0)
    size = 4 * len(words)
    segment = struct.pack("<8I", 1, 84, base, base, size, size, 7, 4)
    with open(path, "wb") as file:
        file.write(header + segment + struct.pack(f"<{len(words)}I", *words))


def tile_run_executes_a_program():
    # lui x5, 0x20; lw x6, 0x400(x0); sw x6, 0(x5); exit with 0, then with 5.
    body = [0x000202b7, 0x40002303, 0x0062a023]
    leave = {0: [0x00100313, 0x04602023], 5: [0x00b00313, 0x04602023]}
    with tempfile.TemporaryDirectory() as folder:
        elf = os.path.join(folder, "small.elf")
        out, trace = os.path.join(folder, "out"), os.path.join(folder, "t.json")
        tile_program(elf, body + leave[0])
        row, = results("tile", "run", elf, "--grid", "2x3",
                       "--args", "0x2a,1.5", "--trace", trace,
                       "--dump", f"l1:1,2:0x20000:4={out}")
        assert row["cycles"] > 0 and len(row["cores"]) == 30
        # The store that ends a core is not counted.
        assert row["instructions"] == 30 * 4
        assert open(out, "rb").read() == struct.pack("<I", 42)
        assert sum(row["critical_path"]["cycles"].values()) == row["cycles"]
        assert json.load(open(trace))["traceEvents"]
        timed, = results("tile", "run", elf, "--grid", "2x3", "--args",
                         "0x2a,1.5", "--timing-only", "--threads", "1")
        assert timed["cycles"] == row["cycles"]
        refused("tile", "run", elf, "--grid", "20x1", says="the chip has 1 to")
        refused("tile", "run", elf, "--grid", "2", says="COLUMNSxROWS")
        refused("tile", "run", elf, "--args", "two", says="--args two")
        refused("tile", "run", elf, "--load", f"l1:9,9:0={elf}",
                says="tile 9,9: the grid is 1x1")
        refused("tile", "run", elf, "--dump", f"dram:99:0:4={out}",
                says="bank 99")
        tile_program(elf, body + leave[5])
        refused("tile", "run", elf, says="tile 0,0 core B: pc 0x00001010")
        tile_program(elf, [0x0000006f])  # a jump to itself
        refused("tile", "run", elf, says="loops for ever")
        tile_program(elf, body, machine=40)
        refused("tile", "run", elf, says="e_machine")


def export_writes_models_and_pictures():
    with tempfile.TemporaryDirectory() as folder:
        gguf = os.path.join(folder, "small.gguf")
        results("export", "-o", gguf, "--dtype", "q8_0")
        shipped = results("inspect", "models/default/triptych-stories.gguf")[0]
        written = results("inspect", gguf)[0]
        assert written["config"] == shipped["config"]
        assert {t["dtype"] for t in written["tensors"]} <= {"q8_0", "f32",
                                                            "bf16"}
        svg = os.path.join(folder, "graph.svg")
        row = results("export", "-m", "whisper-base", "-o", svg)[0]
        assert row["bytes"] == os.path.getsize(svg)
        root = xml.etree.ElementTree.parse(svg).getroot()
        texts = [e.text for e in root.iter() if e.tag.endswith("text")]
        assert "encoder.layers 0 to 5: 6 times" in texts
        dot = os.path.join(folder, "graph.dot")
        results("export", "-m", "whisper-base", "-o", dot)
        assert open(dot).read().startswith('digraph "whisper-base" {')
        refused("export", "-m", "gpt2", "-o", gguf, says="without weights")
        refused("export", "-m", "random:gpt2", "-o", gguf,
                says="must be a model file")
        refused("export", "-o", gguf, "--dtype", "q9", says="--dtype q9")
    refused("export", "-o", "model.txt", says="*.gguf: the model")


CASES = [
    compare_puts_targets_side_by_side,
    the_same_seed_gives_the_same_run,
    threads_do_not_change_a_run,
    run_writes_a_timeline,
    timelines_have_two_forms,
    profile_needs_no_weights,
    layers_add_up,
    classify_hears_on_each_target,
    op_predicts_a_product,
    npu_streams_are_files,
    tile_run_executes_a_program,
    bench_compares_with_a_peer,
    validate_scores_a_table,
    topology_is_timed_as_scale_sim_does,
    accuracy_gates_against_a_baseline,
    accuracy_takes_recorded_logits,
    accuracy_over_seeds_of_noise,
    accuracy_by_operator,
    accuracy_writes_as_much_text_as_asked_for,
    accuracy_by_llama_cpp_protocol,
    tokenize_gives_ids_and_pieces,
    list_lists_everything,
    inspect_looks_into_model_files,
    inspect_looks_into_a_tflite_file,
    export_writes_models_and_pictures,
    a_context_too_long_is_said,
    json_goes_to_a_file_too,
    bad_input_is_refused_with_a_reason,
]

sys.exit(cases.run(CASES))
