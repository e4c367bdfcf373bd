package engine

// Content tells the prefix cache what the blocks of a request hold.
type Content interface {
	// BlockHash identifies the tokens [from, to) that follow the content of
	// hash prev. Equal prefixes give equal hashes; the result is never 0.
	BlockHash(prev uint64, from, to int) uint64
}

// Tokens is content by token IDs: the prompt as given, followed by output
// that Seed determines.
type Tokens struct {
	Prompt []int32
	Seed   uint64
	Vocab  int
}

// BlockHash implements Content.
func (t *Tokens) BlockHash(prev uint64, from, to int) uint64 {
	h := prev
	for i := from; i < to; i++ {
		if i < len(t.Prompt) {
			h = mix(h, uint64(t.Prompt[i]))
		} else {
			h = mix(h, uint64(t.Output(i-len(t.Prompt))))
		}
	}
	return h | 1
}

// Output returns the ID of the i-th generated token.
func (t *Tokens) Output(i int) int32 {
	return int32(mix(t.Seed, uint64(i)) % uint64(t.Vocab))
}

// Hash digests the prompt, so that equal prompts give equal outputs.
func (t *Tokens) Hash() uint64 {
	var h uint64
	for _, id := range t.Prompt {
		h = mix(h, uint64(id))
	}
	return h
}

// Synthetic is content known only by identity: the first Shared tokens belong
// to Group, the rest to Unique. Its blocks cost the same to hash at any size.
type Synthetic struct {
	Group, Unique uint64
	Shared        int
}

// BlockHash implements Content.
func (s Synthetic) BlockHash(prev uint64, from, to int) uint64 {
	owner := mix(2, s.Unique)
	if to <= s.Shared {
		owner = mix(1, s.Group)
	}
	return mix(mix(prev, owner), uint64(to)) | 1
}

// mix folds v into h: two multiply-xor rounds of the splitmix64 finaliser.
func mix(h, v uint64) uint64 {
	h = (h ^ v) + 0x9e3779b97f4a7c15
	h = (h ^ h>>30) * 0xbf58476d1ce4e5b9
	h = (h ^ h>>27) * 0x94d049bb133111eb
	return h ^ h>>31
}
