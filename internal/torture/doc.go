// Package torture injures runs at random moments, and checks that no finished
// trial is lost, changed or measured twice, and that nothing is left running.
// Its tests are a short form; make torture is the long one.
package torture
