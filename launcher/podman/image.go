package podman

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Image looks for an image.
func (c *client) Image(ctx context.Context, reference string) (containers.Image, error) {
	var answer struct {
		ID     string `json:"Id"`
		Digest string
		Labels map[string]string
		Config struct{ Entrypoint, Cmd []string }
	}
	path := "/images/" + url.PathEscape(reference) + "/json"
	if err := c.call(ctx, http.MethodGet, path, nil, nil, &answer); err != nil {
		return containers.Image{}, err
	}
	return containers.Image{
		Reference: reference, ID: strings.TrimPrefix(answer.ID, "sha256:"), Digest: answer.Digest,
		Version:    answer.Labels["org.opencontainers.image.version"],
		Entrypoint: answer.Config.Entrypoint, Command: answer.Config.Cmd,
	}, nil
}

// Pull reads the reports of a pull until its end. Failures come as a report
// too, after status 200.
func (c *client) Pull(ctx context.Context, reference string, progress func(string)) error {
	resp, err := c.open(ctx, http.MethodPost, "/images/pull", url.Values{"reference": {reference}, "policy": {"always"}}, nil)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	reports := json.NewDecoder(resp.Body)
	for {
		var report struct{ Stream, Error string }
		err := reports.Decode(&report)
		switch {
		case err == io.EOF:
			return nil
		case err != nil:
			return fmt.Errorf("read progress: %w", err)
		case report.Error != "":
			return errors.New(report.Error)
		case report.Stream != "":
			progress(strings.TrimRight(report.Stream, "\n"))
		}
	}
}
