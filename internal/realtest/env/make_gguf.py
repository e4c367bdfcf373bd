"""Makes a llama model with random weights as a GGUF file: make_gguf.py FILE.

Needs nothing but Python. 12,000 words, hidden 256, 4 layers, context 4096,
f16. The format is described in ggml's docs/gguf.md.
"""

import array
import random
import struct
import sys

WORDS, HIDDEN, LAYERS, HEADS, KV_HEADS, FEED, CONTEXT = 12000, 256, 4, 8, 4, 512, 4096
UINT32, FLOAT32, STRING, ARRAY, INT32 = 4, 6, 8, 9, 5
ALIGN = 32


def text(s: str) -> bytes:
    b = s.encode()
    return struct.pack("<Q", len(b)) + b


def value(kind: int, v) -> bytes:
    if kind == UINT32:
        return struct.pack("<I", v)
    if kind == INT32:
        return struct.pack("<i", v)
    if kind == FLOAT32:
        return struct.pack("<f", v)
    return text(v)


def field(key: str, kind: int, v) -> bytes:
    if isinstance(v, list):
        body = b"".join(value(kind, x) for x in v)
        return text(key) + struct.pack("<IIQ", ARRAY, kind, len(v)) + body
    return text(key) + struct.pack("<I", kind) + value(kind, v)


def vocabulary():
    """A SentencePiece vocabulary: three specials, the 256 bytes, then words of letters."""
    tokens, scores, kinds = ["<unk>", "<s>", "</s>"], [0.0, 0.0, 0.0], [2, 3, 3]
    for b in range(256):
        tokens.append(f"<0x{b:02X}>"), scores.append(0.0), kinds.append(6)
    letters = "etaoinshrdlucmfwypvbgkjqxz"
    plain = list(letters) + list("ETAOINSHRDLU0123456789.,:;!?-'\"()/") + ["\u2581"]
    words = plain + ["\u2581" + a for a in letters]
    words += [a + b for a in letters for b in letters]
    words += ["\u2581" + a + b for a in letters for b in letters]
    words += [a + b + c for a in letters[:12] for b in letters for c in letters]
    words += ["\u2581" + a + b + c for a in letters for b in letters for c in letters]
    for i, w in enumerate(dict.fromkeys(words)):
        if len(tokens) == WORDS:
            break
        tokens.append(w), scores.append(-float(i)), kinds.append(1)
    return tokens, scores, kinds


def main(path: str):
    draw = random.Random(1)
    tokens, scores, kinds = vocabulary()
    assert len(tokens) == WORDS, len(tokens)
    fields = [
        field("general.architecture", STRING, "llama"),
        field("general.name", STRING, "tiny"),
        field("llama.context_length", UINT32, CONTEXT),
        field("llama.embedding_length", UINT32, HIDDEN),
        field("llama.block_count", UINT32, LAYERS),
        field("llama.feed_forward_length", UINT32, FEED),
        field("llama.attention.head_count", UINT32, HEADS),
        field("llama.attention.head_count_kv", UINT32, KV_HEADS),
        field("llama.attention.layer_norm_rms_epsilon", FLOAT32, 1e-5),
        field("llama.rope.dimension_count", UINT32, HIDDEN // HEADS),
        field("llama.vocab_size", UINT32, WORDS),
        field("tokenizer.ggml.model", STRING, "llama"),
        field("tokenizer.ggml.tokens", STRING, tokens),
        field("tokenizer.ggml.scores", FLOAT32, scores),
        field("tokenizer.ggml.token_type", INT32, kinds),
        field("tokenizer.ggml.unknown_token_id", UINT32, 0),
        field("tokenizer.ggml.bos_token_id", UINT32, 1),
        field("tokenizer.ggml.eos_token_id", UINT32, 2),
    ]
    kv = HIDDEN // HEADS * KV_HEADS
    tensors = [("token_embd.weight", [HIDDEN, WORDS], 1), ("output_norm.weight", [HIDDEN], 0)]
    tensors.append(("output.weight", [HIDDEN, WORDS], 1))
    for i in range(LAYERS):
        b = f"blk.{i}."
        tensors += [
            (b + "attn_norm.weight", [HIDDEN], 0),
            (b + "attn_q.weight", [HIDDEN, HIDDEN], 1),
            (b + "attn_k.weight", [HIDDEN, kv], 1),
            (b + "attn_v.weight", [HIDDEN, kv], 1),
            (b + "attn_output.weight", [HIDDEN, HIDDEN], 1),
            (b + "ffn_norm.weight", [HIDDEN], 0),
            (b + "ffn_gate.weight", [HIDDEN, FEED], 1),
            (b + "ffn_up.weight", [HIDDEN, FEED], 1),
            (b + "ffn_down.weight", [FEED, HIDDEN], 1),
        ]
    head, offset, bodies = b"", 0, []
    for name, shape, half in tensors:
        n = 1
        for d in shape:
            n *= d
        if half:  # f16
            body = struct.pack(f"<{n}e", *(draw.gauss(0, 0.02) for _ in range(n)))
        else:  # norms: ones, f32
            body = array.array("f", [1.0] * n).tobytes()
        head += text(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        head += struct.pack("<IQ", 1 if half else 0, offset)
        body += b"\0" * (-len(body) % ALIGN)
        bodies.append(body)
        offset += len(body)
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(fields)) + b"".join(fields) + head
    with open(path, "wb") as f:
        f.write(start + b"\0" * (-len(start) % ALIGN))
        for body in bodies:
            f.write(body)


main(sys.argv[1])
