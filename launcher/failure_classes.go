package launcher

// policy is what a class of failure means for the rest of a run.
type policy struct {
	// certain: the same configuration fails the same way whenever it is
	// started on the same host, so it is not started again.
	certain bool
	// second: it is certain when it has happened twice; the first time,
	// something else may have held what was missing.
	second bool
}

// policies of the classes; a class that is not named may pass.
var policies = map[Class]policy{
	ClassArguments: {certain: true}, ClassKVCache: {certain: true}, ClassConfig: {certain: true}, ClassGPUs: {certain: true},
	ClassNotApplied: {certain: true},
	ClassGPUMemory:  {second: true}, ClassHostMemory: {second: true}, ClassEnvironment: {second: true},
}

// Repeats reports whether the same configuration is certain to fail the same
// way whenever it is started on the same host; again says that the failure has
// been seen before.
func (d Diagnosis) Repeats(again bool) bool {
	p := policies[d.Class]
	return d.Certain || p.certain || p.second && again
}
