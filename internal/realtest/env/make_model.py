"""Makes the models that the tests on a real vLLM serve: make_model.py OUT DOCS.

OUT/tiny    5 M parameters, context 4096, a padded vocabulary of 12,000 words
OUT/small   29 M parameters, context 8192, the same tokenizer
OUT/short   tiny with a vocabulary of 8,000 embeddings under a tokenizer that
            knows fewer words: asks for token IDs beyond it are refused

Weights are random (seeded), so answers are noise with special tokens in it,
which is what the tests want: a real server's tokens that carry no text. The
tokenizer is a byte-level BPE trained on the text under DOCS.
"""

import pathlib
import sys

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

VOCABULARY = 12000
TEMPLATE = (
    "{% for message in messages %}<|{{ message.role }}|>{{ message.content }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def tokenizer(docs: pathlib.Path, size: int) -> PreTrainedTokenizerFast:
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    special = ["<|begin|>", "<|end|>", "<|pad|>", "<|system|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=size, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet()
    )
    bpe.train([str(p) for p in sorted(docs.rglob("*.md"))], trainer)
    missing = size - bpe.get_vocab_size()
    bpe.add_tokens([f"word{i:05d}" for i in range(max(missing, 0))])
    return PreTrainedTokenizerFast(
        tokenizer_object=bpe,
        bos_token="<|begin|>",
        eos_token="<|end|>",
        pad_token="<|pad|>",
        chat_template=TEMPLATE,
    )


def make(out: pathlib.Path, words: PreTrainedTokenizerFast, vocabulary: int, hidden: int, layers: int, context: int):
    torch.manual_seed(1)
    config = LlamaConfig(
        vocab_size=vocabulary,
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=8,
        num_key_value_heads=4,
        max_position_embeddings=context,
        bos_token_id=words.bos_token_id,
        eos_token_id=words.eos_token_id,
        tie_word_embeddings=True,
    )
    LlamaForCausalLM(config).to(torch.bfloat16).save_pretrained(out)
    words.model_max_length = context
    words.save_pretrained(out)


def main(out: str, docs: str):
    root = pathlib.Path(out)
    words = tokenizer(pathlib.Path(docs), VOCABULARY)
    make(root / "tiny", words, VOCABULARY, 256, 4, 4096)
    make(root / "small", words, VOCABULARY, 512, 8, 8192)
    make(root / "short", tokenizer(pathlib.Path(docs), 4000), 8000, 256, 4, 4096)


main(*sys.argv[1:])
