// Whether histories are linearizable, by Porcupine. Reads operations from standard input, one JSON object
// a line (tests/faults/history.rs writes them), and checks those on each object by themselves. Prints a line
// for every object that has no order its operations could have happened in, and writes a picture of it below
// the directory given. Exits with 1 if there was one, with 2 if anything could not be checked.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"sort"
	"time"

	"github.com/anishathalye/porcupine"
)

// Longer than any honest history takes.
const patience = 60 * time.Second

type operation struct {
	Client  int    `json:"client"`
	Object  string `json:"object"`
	Era     int64  `json:"era"`
	Action  string `json:"action"`
	Outcome string `json:"outcome"`
	Value   *int64 `json:"value"`
	Start   int64  `json:"start_us"`
	End     int64  `json:"end_us"`
}

// What an operation of one kind of object needs to be possible, and what is then. Models are deterministic:
// an operation of unknown outcome takes effect where it is put, and may be put after everything else.
type model struct {
	initial int64
	actions map[string]func(state int64, op operation) (bool, int64)
}

const nothing = -1

var register = model{nothing, map[string]func(int64, operation) (bool, int64){
	"write": func(_ int64, op operation) (bool, int64) { return true, *op.Value },
	"read": func(state int64, op operation) (bool, int64) {
		if op.Value == nil {
			return state == nothing, state
		}
		return state == *op.Value, state
	},
}}

// One name of a set: 1 while it is in the set. A refusal tells as much as a success.
var member = model{0, map[string]func(int64, operation) (bool, int64){
	"create": func(state int64, op operation) (bool, int64) {
		return possible(op, state == 0), 1
	},
	"delete": func(state int64, op operation) (bool, int64) {
		return possible(op, state == 1), 0
	},
}}

// Blocks of ids. Others take blocks too, so that some are never seen here; but none comes after a later one.
const blockSize = 1000

var counter = model{0, map[string]func(int64, operation) (bool, int64){
	"allocate": func(state int64, op operation) (bool, int64) {
		return *op.Value >= state, *op.Value + blockSize
	},
}}

var models = map[string]model{
	"write": register, "read": register,
	"create": member, "delete": member,
	"allocate": counter,
}

func possible(op operation, changes bool) bool {
	switch op.Outcome {
	case "done":
		return changes
	case "refused":
		return !changes
	}
	return true
}

// Operations that must have an effect, or may have one, or tell something.
func counts(op operation) bool {
	switch op.Outcome {
	case "done", "refused":
		return true
	case "unknown":
		return op.Action != "read" && op.Action != "allocate"
	}
	return false
}

func main() {
	objects, err := read()
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
	names := make([]string, 0, len(objects))
	for name := range objects {
		names = append(names, name)
	}
	sort.Strings(names)
	status, operations := 0, 0
	for _, name := range names {
		operations += len(objects[name])
		if code := check(name, objects[name]); code > status {
			status = code
		}
	}
	fmt.Printf("%d operations on %d objects\n", operations, len(objects))
	os.Exit(status)
}

// The operations on each object. What could not be told apart by time alone is kept apart by era.
func read() (map[string][]operation, error) {
	objects := map[string][]operation{}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var op operation
		if err := json.Unmarshal(lines.Bytes(), &op); err != nil {
			return nil, fmt.Errorf("%w in: %s", err, lines.Text())
		}
		if _, known := models[op.Action]; !known {
			return nil, fmt.Errorf("unknown action in: %s", lines.Text())
		}
		if counts(op) {
			name := fmt.Sprintf("%s of era %d", op.Object, op.Era)
			objects[name] = append(objects[name], op)
		}
	}
	return objects, lines.Err()
}

func check(name string, operations []operation) int {
	var history []porcupine.Operation
	for _, op := range operations {
		end := op.End
		if op.Outcome == "unknown" {
			end = math.MaxInt64
		}
		history = append(history, porcupine.Operation{
			ClientId: op.Client, Input: op, Call: op.Start, Return: end,
		})
	}
	of := models[operations[0].Action]
	checked := porcupine.Model{
		Init: func() interface{} { return of.initial },
		Step: func(state, input, _ interface{}) (bool, interface{}) {
			op := input.(operation)
			allowed, next := of.actions[op.Action](state.(int64), op)
			return allowed, next
		},
		DescribeOperation: func(input, _ interface{}) string {
			op := input.(operation)
			if op.Value == nil {
				return fmt.Sprintf("%s: %s", op.Action, op.Outcome)
			}
			return fmt.Sprintf("%s %d: %s", op.Action, *op.Value, op.Outcome)
		},
		DescribeState: func(state interface{}) string { return fmt.Sprint(state) },
	}
	result, info := porcupine.CheckOperationsVerbose(checked, history, patience)
	switch result {
	case porcupine.Ok:
		return 0
	case porcupine.Illegal:
		fmt.Printf("%s is not linearizable: %s\n", name, draw(checked, info, name))
		return 1
	}
	fmt.Printf("%s: %d operations could not be checked within %s\n", name, len(history), patience)
	return 2
}

// Writes what Porcupine found as a page to look at; says where.
func draw(checked porcupine.Model, info porcupine.LinearizationInfo, name string) string {
	if len(os.Args) < 2 {
		return "give a directory for a picture"
	}
	file := filepath.Join(os.Args[1], name+".html")
	if err := porcupine.VisualizePath(checked, info, file); err != nil {
		return err.Error()
	}
	return file
}
