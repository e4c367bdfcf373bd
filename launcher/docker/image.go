package docker

import (
	"context"
	"fmt"
	"strings"

	moby "github.com/moby/moby/client"

	"github.com/vllm-sweep/sweep/launcher/internal/containers"
)

// Image looks for an image.
func (e *engine) Image(ctx context.Context, reference string) (containers.Image, error) {
	found, err := e.client.ImageInspect(ctx, reference)
	if err != nil {
		return containers.Image{}, e.transport(ctx, err)
	}
	out := containers.Image{Reference: reference, ID: strings.TrimPrefix(found.ID, "sha256:")}
	if len(found.RepoDigests) > 0 {
		_, out.Digest, _ = strings.Cut(found.RepoDigests[0], "@")
	}
	if found.Config != nil {
		out.Version = found.Config.Labels["org.opencontainers.image.version"]
		out.Entrypoint, out.Command = found.Config.Entrypoint, found.Config.Cmd
	}
	return out, nil
}

// Pull reads the messages of a pull until its end. A layer that is being
// loaded reports often: only changes of its state are passed on.
func (e *engine) Pull(ctx context.Context, reference string, progress func(string)) error {
	pull, err := e.client.ImagePull(ctx, reference, moby.ImagePullOptions{})
	if err != nil {
		return e.transport(ctx, err)
	}
	defer pull.Close()
	state := map[string]string{}
	for message, err := range pull.JSONMessages(ctx) {
		switch {
		case err != nil:
			return e.transport(ctx, fmt.Errorf("pull %s: %w", reference, err))
		case message.Error != nil:
			return fmt.Errorf("pull %s: %w", reference, message.Error)
		case message.Status != "" && state[message.ID] != message.Status:
			state[message.ID] = message.Status
			progress(strings.TrimPrefix(message.ID+": "+message.Status, ": "))
		}
	}
	return nil
}
