package ledger

import (
	"errors"

	"scimsync/sync/pack"
	"scimsync/sync/record"
)

// Encode gives the whole row as bytes that Decode understands, for files that live
// as long as one run.
func (r *Row) Encode() ([]byte, error) {
	b := append([]byte{byte(r.Key.Kind)}, r.Sum[:]...)
	b = pack.Uint(b, uint64(r.Ordinal))
	b = pack.Uint(b, r.Seq)
	b = pack.Uint(b, uint64(r.Absent))
	b = pack.Text(b, r.Key.Source)
	b = pack.Text(b, r.Key.ID)
	return AppendRow(b, r), nil
}

// Decode reads what Encode wrote.
func (r *Row) Decode(b []byte) error {
	p := pack.Read(b)
	row := Row{Key: record.Key{Kind: record.Kind(p.Byte())}}
	for i := range row.Sum {
		row.Sum[i] = p.Byte()
	}
	row.Ordinal, row.Seq, row.Absent = uint32(p.Uint()), p.Uint(), uint32(p.Uint())
	row.Key.Source, row.Key.ID = p.Text(), p.Text()
	if p.Bad() {
		return errors.New("spooled row is cut off")
	}
	if err := readRow(p, &row); err != nil {
		return err
	}
	*r = row
	return nil
}
