// Verifies a Wicketgate log with the Go authors' code only: golang.org/x/mod/sumdb/note for the signed note,
// golang.org/x/mod/sumdb/tlog for tiles, tree hashes and proofs.
//
//	main FOLDER VKEY      the last line printed is `ok ORIGIN SIZE ENTRIES PROOFS`; exit 1 and a reason otherwise
//
// Every entry is hashed and proved to be under the root for logs of up to 1,000 entries, some hundreds of them in
// longer logs; that the tree at several older sizes is a beginning of this one is proved as well.
package main

import (
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

const height = 8

// folder reads tiles: tlog says tile/8/L/N, C2SP tlog-tiles leaves out the height.
type folder string

func (f folder) Height() int { return height }

func (f folder) SaveTiles([]tlog.Tile, [][]byte) {}

func (f folder) ReadTiles(tiles []tlog.Tile) ([][]byte, error) {
	var all [][]byte
	for _, tile := range tiles {
		path := strings.Replace(tile.Path(), "tile/8/", "tile/", 1)
		data, err := os.ReadFile(filepath.Join(string(f), path))
		if err != nil {
			return nil, err
		}
		all = append(all, data)
	}
	return all, nil
}

// bundle reads the entries of one bundle: each after its length in two bytes, big-endian.
func (f folder) bundle(index, width int64) ([][]byte, error) {
	tile := tlog.Tile{H: height, L: 0, N: index, W: int(width)}
	path := strings.Replace(tile.Path(), "tile/8/0/", "tile/entries/", 1)
	data, err := os.ReadFile(filepath.Join(string(f), path))
	if err != nil {
		return nil, err
	}
	var entries [][]byte
	for len(data) > 0 {
		if len(data) < 2 || len(data) < 2+int(binary.BigEndian.Uint16(data)) {
			return nil, fmt.Errorf("%s ends within an entry", path)
		}
		end := 2 + int(binary.BigEndian.Uint16(data))
		entries = append(entries, data[2:end])
		data = data[end:]
	}
	if int64(len(entries)) != width {
		return nil, fmt.Errorf("%s has %d entries, not %d", path, len(entries), width)
	}
	return entries, nil
}

// checkpoint opens the signed note. Its body is that of tlog.ParseTree, but for the first line, which names the log.
func (f folder) checkpoint(vkey string) (string, tlog.Tree, error) {
	verifier, err := note.NewVerifier(vkey)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	data, err := os.ReadFile(filepath.Join(string(f), "checkpoint"))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	opened, err := note.Open(data, note.VerifierList(verifier))
	if err != nil {
		return "", tlog.Tree{}, err
	}
	lines := strings.Split(opened.Text, "\n")
	if len(lines) != 4 || lines[3] != "" {
		return "", tlog.Tree{}, fmt.Errorf("checkpoint has %d lines", len(lines))
	}
	size, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return "", tlog.Tree{}, err
	}
	if _, err := base64.StdEncoding.DecodeString(lines[2]); err != nil {
		return "", tlog.Tree{}, err
	}
	root, err := tlog.ParseHash(lines[2])
	return lines[0], tlog.Tree{N: size, Hash: root}, err
}

func verify(f folder, vkey string) error {
	origin, tree, err := f.checkpoint(vkey)
	if err != nil {
		return err
	}
	if tree.N == 0 {
		fmt.Println("ok", origin, 0, 0, 0)
		return nil
	}
	reader := tlog.TileHashReader(tree, f)
	root, err := tlog.TreeHash(tree.N, reader)
	if err != nil {
		return err
	}
	if root != tree.Hash {
		return fmt.Errorf("root of the tiles is %v, of the checkpoint %v", root, tree.Hash)
	}
	proofs, step := 0, tree.N/300
	if tree.N <= 1000 {
		step = 1
	}
	for start := int64(0); start < tree.N; start += 1 << height {
		width := tree.N - start
		if width > 1<<height {
			width = 1 << height
		}
		entries, err := f.bundle(start>>height, width)
		if err != nil {
			return err
		}
		var indexes []int64
		for at := int64(0); at < width; at++ {
			indexes = append(indexes, tlog.StoredHashIndex(0, start+at))
		}
		hashes, err := reader.ReadHashes(indexes)
		if err != nil {
			return err
		}
		for at, entry := range entries {
			index := start + int64(at)
			leaf := tlog.RecordHash(entry)
			if leaf != hashes[at] {
				return fmt.Errorf("entry %d is not what its tile says", index)
			}
			if index%step != 0 && index != tree.N-1 {
				continue
			}
			proof, err := tlog.ProveRecord(tree.N, index, reader)
			if err != nil {
				return err
			}
			if err := tlog.CheckRecord(proof, tree.N, tree.Hash, index, leaf); err != nil {
				return fmt.Errorf("entry %d: %v", index, err)
			}
			proofs++
		}
	}
	for _, old := range []int64{1, 2, 3, 255, 256, 257, tree.N / 3, tree.N / 2, tree.N - 1, tree.N} {
		if old < 1 || old > tree.N {
			continue
		}
		oldRoot, err := tlog.TreeHash(old, reader)
		if err != nil {
			return err
		}
		proof, err := tlog.ProveTree(tree.N, old, reader)
		if err != nil {
			return err
		}
		if err := tlog.CheckTree(proof, tree.N, tree.Hash, old, oldRoot); err != nil {
			return fmt.Errorf("tree of %d: %v", old, err)
		}
		proofs++
	}
	fmt.Println("ok", origin, tree.N, tree.N, proofs)
	return nil
}

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: main FOLDER VKEY")
		os.Exit(2)
	}
	if err := verify(folder(os.Args[1]), os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
