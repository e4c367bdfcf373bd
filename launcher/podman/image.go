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

	"github.com/vllm-sweep/sweep/launcher"
)

// Image is what is known of an image that is there.
type Image struct {
	Reference string // as asked for
	ID        string // of the configuration, without sha256:
	Digest    string // of the manifest, as a registry names it; "" for an image that was never in one
	Version   string // label org.opencontainers.image.version, if any
}

// Image makes sure that the image is there, pulling it by the policy, once in
// the life of the backend. All containers are made from the image found then,
// also when its tag moves on meanwhile.
func (b *Backend) Image(ctx context.Context) (Image, error) {
	c, err := b.connect(ctx)
	if err != nil {
		return Image{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.image != nil {
		return *b.image, nil
	}
	found, err := c.inspectImage(ctx, b.options.Image)
	switch {
	case err != nil && !isNotFound(err):
		return Image{}, fmt.Errorf("look for image %s: %w", b.options.Image, err)
	case err != nil && b.options.Pull == PullNever:
		return Image{}, imageFailure(b.options.Image, errors.New("it is not there and may not be pulled"))
	case err != nil || b.options.Pull == PullAlways:
		if err := c.pull(ctx, b.options.Image, b.options.Progress); err != nil {
			if ctx.Err() != nil {
				return Image{}, ctx.Err()
			}
			return Image{}, imageFailure(b.options.Image, err)
		}
		if found, err = c.inspectImage(ctx, b.options.Image); err != nil {
			return Image{}, fmt.Errorf("inspect image %s: %w", b.options.Image, err)
		}
	}
	b.image = &found
	return found, nil
}

func imageFailure(reference string, err error) *launcher.Failure {
	return &launcher.Failure{
		Diagnosis: launcher.Diagnosis{
			Class:  launcher.ClassImage,
			Cause:  fmt.Sprintf("image %s: %s", reference, err),
			Remedy: "check the image's name and that this machine reaches its registry; podman pull " + reference + " shows it",
		},
		Err: err,
	}
}

func (c *client) inspectImage(ctx context.Context, reference string) (Image, error) {
	var answer struct {
		ID     string `json:"Id"`
		Digest string
		Labels map[string]string
	}
	path := "/images/" + url.PathEscape(reference) + "/json"
	if err := c.call(ctx, http.MethodGet, path, nil, nil, &answer); err != nil {
		return Image{}, err
	}
	return Image{
		Reference: reference, ID: strings.TrimPrefix(answer.ID, "sha256:"), Digest: answer.Digest,
		Version: answer.Labels["org.opencontainers.image.version"],
	}, nil
}

// pull reads the reports of a pull until its end. Failures come as a report
// too, after status 200.
func (c *client) pull(ctx context.Context, reference string, progress func(string)) error {
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
