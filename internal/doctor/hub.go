package doctor

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"
)

// hubTimeout bounds the question to the model hub.
const hubTimeout = 5 * time.Second

// hub asks the model hub for a model that is not in the cache, as the server's
// first start will. fault says why it will not get it; "" when it will.
func (o Options) hub(ctx context.Context, model string) (endpoint, fault string) {
	endpoint = "https://huggingface.co"
	if e := o.env("HF_ENDPOINT"); e != "" {
		endpoint = strings.TrimSuffix(e, "/")
	}
	if o.env("HF_HUB_OFFLINE") == "1" {
		return endpoint, "HF_HUB_OFFLINE is set"
	}
	ctx, cancel := context.WithTimeout(ctx, hubTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, endpoint+"/api/models/"+model, nil)
	if err != nil {
		return endpoint, err.Error()
	}
	if token := o.env("HF_TOKEN"); token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	// No connection outlives the question.
	client := &http.Client{Transport: &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	if err != nil {
		return endpoint, fmt.Sprintf("cannot reach %s: %v", endpoint, err)
	}
	defer resp.Body.Close()
	switch resp.StatusCode {
	case http.StatusOK:
		return endpoint, ""
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound:
		return endpoint, fmt.Sprintf("%s answers %d: the model does not exist, or needs a token (HF_TOKEN) with access to it", endpoint, resp.StatusCode)
	}
	return endpoint, fmt.Sprintf("%s answers %d", endpoint, resp.StatusCode)
}
