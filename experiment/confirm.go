package experiment

// Confirm is the stage after the blocks: the finalists of every use case and
// the baseline are measured again on fresh starts with new seeds, and only
// these numbers are recommended.
type Confirm struct {
	Starts    int // fresh starts of each finalist; DefaultConfirmStarts; 0: the stage is off
	Finalists int // configurations a use case, beside the baseline and a combination of single changes; DefaultFinalists
}

// Defaults of the confirm stage.
const (
	DefaultConfirmStarts = 5
	DefaultFinalists     = 2
)

func confirmSection() section[Confirm] {
	return section[Confirm]{
		initial: Confirm{Starts: DefaultConfirmStarts, Finalists: DefaultFinalists},
		fields: []field[Confirm]{
			bind("starts", "Launches of each finalist. Default: 5.", whole(2, 100), func(c *Confirm) *int { return &c.Starts }),
			bind("finalists", "Configurations to confirm per use case. Default: 2.", whole(1, 20), func(c *Confirm) *int { return &c.Finalists }),
		},
	}
}

// confirmation is the section, or false to leave the stage out.
func confirmation() value[Confirm] {
	s := confirmSection()
	off := any(false)
	schema := s.schema()
	never := typed("boolean")
	never.Const = &off
	return value[Confirm]{schema: anyOf(schema, never), read: func(d *decoder, path string, e entry) (Confirm, bool) {
		if e.value.kind == boolNode {
			if on, ok := boolean().read(d, path, e); ok && !on {
				return Confirm{}, true
			}
			return s.initial, true
		}
		if e.value.kind != mapNode && e.value.kind != nullNode {
			d.expectLike(path, e, "false or a mapping", "{starts: 5}")
			return s.initial, false
		}
		return s.decode(d, path, e)
	}}
}
