// Package sim has everything that stands in for something else, for tests and
// the demo: what sweep measures elsewhere is real. The program sweep links none
// of it (TestSweepLinksNoFake). Each folder says what it replaces:
//
//	cmd/vllm-sim, vllmsim   a vLLM server: flags, log, memory, scheduler, HTTP
//	nvmlsim                 GPUs, behind NVML (library) or beside it
//	mock                    an OpenAI-style server of known timing, with scripted faults
//	testserver              an inference server that misbehaves at its launch
//	faketool                GuideLLM, vllm bench and AIPerf
//
// The others bring the real thing to a test, on a machine that has it:
// podmantest, dockertest, browsertest (Chromium), testprogram (programs of this
// module).
package sim
