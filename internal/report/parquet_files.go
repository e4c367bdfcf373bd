package report

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/parquet-go/parquet-go/compress/zstd"

	"github.com/vllm-sweep/sweep/internal/notice"
)

// resultRow is a row of results.parquet: the columns of results.csv with their
// types. A number that does not exist is null.
type resultRow struct {
	Cell          string   `parquet:"cell,dict"`
	Configuration string   `parquet:"configuration,dict"`
	Label         string   `parquet:"label,dict"`
	Flags         string   `parquet:"flags,dict"`
	LoadPoint     string   `parquet:"load_point,dict"`
	PointLabel    string   `parquet:"point_label,dict"`
	Load          string   `parquet:"load,dict"`
	Baseline      bool     `parquet:"baseline"`
	GPUs          int32    `parquet:"gpus"`
	Metric        string   `parquet:"metric,dict"`
	Unit          string   `parquet:"unit,dict"`
	Center        *float64 `parquet:"center,optional"`
	Lo            *float64 `parquet:"lo,optional"`
	Hi            *float64 `parquet:"hi,optional"`
	N             int32    `parquet:"n"`
	Method        string   `parquet:"method,dict"`
	Ratio         *float64 `parquet:"ratio,optional"`
	RatioLo       *float64 `parquet:"ratio_lo,optional"`
	RatioHi       *float64 `parquet:"ratio_hi,optional"`
	P             *float64 `parquet:"p,optional"`
	PAdjusted     *float64 `parquet:"p_adjusted,optional"`
	Verdict       string   `parquet:"verdict,dict"`
	Note          string   `parquet:"note,dict"`
}

// trialRow is a row of trials.parquet: the columns of trials.csv with their
// types.
type trialRow struct {
	Trial         string    `parquet:"trial,dict"`
	Cell          string    `parquet:"cell,dict"`
	Configuration string    `parquet:"configuration,dict"`
	Label         string    `parquet:"label,dict"`
	LoadPoint     string    `parquet:"load_point,dict"`
	PointLabel    string    `parquet:"point_label,dict"`
	Start         string    `parquet:"start,dict"`
	Block         int32     `parquet:"block"`
	Order         int32     `parquet:"order"`
	Seed          uint64    `parquet:"seed"`
	Began         time.Time `parquet:"began,timestamp(microsecond)"`
	Ended         time.Time `parquet:"ended,timestamp(microsecond)"`
	Outcome       string    `parquet:"outcome,dict"`
	Reasons       string    `parquet:"reasons,dict"`
	ReasonCodes   string    `parquet:"reason_codes,dict"`
	WarningCodes  string    `parquet:"warning_codes,dict"`
	Metric        string    `parquet:"metric,dict"`
	Unit          string    `parquet:"unit,dict"`
	Value         *float64  `parquet:"value,optional"`
	Absent        string    `parquet:"absent,dict"`
}

// renderResultsParquet is results.csv as Parquet.
func renderResultsParquet(in Input) ([]byte, error) {
	var rows []resultRow
	for _, c := range in.Findings.Cells {
		row := resultRow{
			Cell: c.ID, Configuration: c.Configuration, Label: c.Label, LoadPoint: c.LoadPoint, PointLabel: c.PointLabel,
			Load: c.Load, Baseline: c.Baseline, GPUs: int32(c.GPUs),
		}
		if conf, ok := in.Plan.Configuration(c.Configuration); ok {
			row.Flags = in.Plan.CommandLine(conf.Flags)
		}
		names := metricsOf(c.Estimates, c.Absent)
		if len(names) == 0 {
			row.Note = unmeasured(c)
			rows = append(rows, row)
		}
		for _, name := range names {
			r := row
			r.Metric, r.Unit = name, unitOf(name)
			e, ok := c.Estimates[name]
			if !ok {
				r.Note = c.Absent[name]
				rows = append(rows, r)
				continue
			}
			r.Center, r.N, r.Method = &e.Center, int32(e.N), e.Method
			if e.HasInterval() {
				r.Lo, r.Hi = &e.Lo, &e.Hi
			}
			if q, ok := c.Ratios[name]; ok {
				r.Ratio, r.Verdict, r.Note = &q.Center, q.Verdict, q.Reason()
				if q.HasInterval() {
					r.RatioLo, r.RatioHi = &q.Lo, &q.Hi
				}
				if q.P > 0 {
					r.P, r.PAdjusted = &q.P, &q.PAdjusted
				}
			}
			rows = append(rows, r)
		}
	}
	return renderParquet(rows)
}

// renderTrialsParquet is trials.csv as Parquet.
func renderTrialsParquet(in Input) ([]byte, error) {
	var rows []trialRow
	for _, t := range in.Trials {
		conf, _ := in.Plan.Configuration(t.Configuration)
		point, _ := in.Plan.LoadPoint(t.LoadPoint)
		row := trialRow{
			Trial: t.ID, Cell: t.Cell, Configuration: t.Configuration, Label: conf.Label, LoadPoint: t.LoadPoint, PointLabel: point.Label,
			Start: t.Start, Block: int32(t.Block), Order: int32(t.Order), Seed: t.Seed, Began: t.Began.UTC(), Ended: t.Ended.UTC(),
			Outcome: t.Outcome, Reasons: strings.Join(notice.Texts(t.Reasons), " "), ReasonCodes: codes(t.Reasons), WarningCodes: codes(t.Warnings),
		}
		names := metricsOf(t.Metrics, t.Absent)
		if len(names) == 0 {
			rows = append(rows, row)
		}
		for _, name := range names {
			r := row
			r.Metric, r.Unit, r.Absent = name, unitOf(name), t.Absent[name]
			if v, ok := t.Metrics[name]; ok {
				r.Value = &v
			}
			rows = append(rows, r)
		}
	}
	return renderParquet(rows)
}

func renderParquet[T any](rows []T) ([]byte, error) {
	var b bytes.Buffer
	w := parquet.NewGenericWriter[T](&b, parquet.Compression(&zstd.Codec{Level: zstd.SpeedDefault}))
	if _, err := w.Write(rows); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("write parquet: %w", err)
	}
	return b.Bytes(), nil
}
