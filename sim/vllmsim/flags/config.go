package flags

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"

	"gopkg.in/yaml.v3"
)

// expandConfig replaces --config FILE by the options of that YAML file, ahead
// of the others so that the command line wins.
func expandConfig(args []string) ([]string, error) {
	var kept, file []string
	for i := 0; i < len(args); i++ {
		name, value, inline := strings.Cut(args[i], "=")
		if name != "--config" {
			kept = append(kept, args[i])
			continue
		}
		if !inline {
			if i+1 == len(args) {
				return nil, refuse("argument --config: expected one argument")
			}
			i++
			value = args[i]
		}
		options, err := readConfig(value)
		if err != nil {
			return nil, err
		}
		file = append(file, options...)
	}
	return append(file, kept...), nil
}

func readConfig(path string) ([]string, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read config file: %w", err)
	}
	var doc yaml.Node
	if err := yaml.Unmarshal(text, &doc); err != nil {
		return nil, fmt.Errorf("read config file %s: %w", path, err)
	}
	if len(doc.Content) == 0 || doc.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("read config file %s: not a mapping", path)
	}
	var args []string
	pairs := doc.Content[0].Content
	for i := 0; i+1 < len(pairs); i += 2 {
		key, value := pairs[i].Value, pairs[i+1]
		switch {
		case value.Kind == yaml.SequenceNode:
			args = append(args, "--"+key)
			for _, item := range value.Content {
				args = append(args, item.Value)
			}
		case value.Kind == yaml.MappingNode:
			var object map[string]any
			if err := value.Decode(&object); err != nil {
				return nil, fmt.Errorf("read config file %s: %w", path, err)
			}
			text, err := json.Marshal(object)
			if err != nil {
				return nil, fmt.Errorf("read config file %s: %w", path, err)
			}
			args = append(args, "--"+key, string(text))
		case value.Tag == "!!bool" && value.Value == "true":
			args = append(args, "--"+key)
		case value.Tag == "!!bool":
			args = append(args, "--no-"+key)
		default:
			args = append(args, "--"+key+"="+value.Value)
		}
	}
	return args, nil
}
