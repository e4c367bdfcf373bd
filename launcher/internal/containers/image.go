package containers

import (
	"context"
	"errors"
	"fmt"

	"github.com/vllm-sweep/sweep/internal/notice"
	"github.com/vllm-sweep/sweep/internal/wording"
	"github.com/vllm-sweep/sweep/launcher"
)

// Image makes sure that the image is there, pulling it by the policy, once in
// the life of the backend. All containers are made from the image found then,
// also when its tag moves on meanwhile.
func (b *Backend) Image(ctx context.Context) (Image, error) {
	e, err := b.Engine(ctx)
	if err != nil {
		return Image{}, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.image != nil {
		return *b.image, nil
	}
	reference := b.Options.Image
	found, err := e.Image(ctx, reference)
	missing := errors.Is(err, ErrNotFound)
	switch {
	case err != nil && !missing:
		return Image{}, fmt.Errorf("look for image %s: %w", reference, err)
	case missing && b.Options.Pull == PullNever:
		return Image{}, b.imageFailure(fmt.Errorf("%w, and pull: never forbids pulling it", launcher.ErrImageAbsent))
	case missing || b.Options.Pull == PullAlways:
		b.Options.Progress("pulling " + reference)
		if err := e.Pull(ctx, reference, b.Options.Progress); err != nil {
			return Image{}, b.pullFailure(ctx, err)
		}
		if found, err = e.Image(ctx, reference); err != nil {
			return Image{}, fmt.Errorf("inspect image %s: %w", reference, err)
		}
	}
	if len(found.Entrypoint) == 0 && len(b.Options.Command) == 0 {
		return Image{}, &launcher.Failure{Diagnosis: launcher.Diagnosis{
			Class: launcher.ClassConfig, Cause: notice.New("image-without-command", notice.Args{"image": notice.Text(reference)}),
			Remedy: notice.New("set-command", notice.Args{"backend": notice.Text(b.name)}),
		}}
	}
	b.image = &found
	return found, nil
}

func (b *Backend) pullFailure(ctx context.Context, err error) error {
	var away *ServiceError
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.As(err, &away):
		return err
	default:
		return b.imageFailure(err)
	}
}

func (b *Backend) imageFailure(err error) *launcher.Failure {
	reference := b.Options.Image
	return &launcher.Failure{
		Diagnosis: launcher.Diagnosis{
			Class:  launcher.ClassImage,
			Cause:  notice.New("image-missing", notice.Args{"image": notice.Text(reference), "why": notice.Text(wording.Plain(err.Error()))}),
			Remedy: notice.New("check-image", notice.Args{"command": notice.Command(b.name, "pull", reference)}),
		},
		Err: err,
	}
}
