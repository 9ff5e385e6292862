package ledger

import (
	"encoding/binary"
	"errors"

	"scimsync/sync/record"
)

// Encode gives the whole row as bytes that Decode understands, for files that live
// as long as one run.
func (r *Row) Encode() ([]byte, error) {
	b := append([]byte{byte(r.Key.Kind)}, r.Sum[:]...)
	b = binary.BigEndian.AppendUint32(b, r.Ordinal)
	b = binary.BigEndian.AppendUint64(b, r.Seq)
	b = binary.BigEndian.AppendUint32(b, r.Absent)
	b = appendText(b, r.Key.Source)
	b = appendText(b, r.Key.ID)
	return AppendRow(b, r), nil
}

// Decode reads what Encode wrote.
func (r *Row) Decode(b []byte) error {
	const fixed = 1 + 16 + 4 + 8 + 4
	if len(b) < fixed {
		return errors.New("spooled row is cut off")
	}
	row := Row{Key: record.Key{Kind: record.Kind(b[0])}}
	copy(row.Sum[:], b[1:17])
	row.Ordinal = binary.BigEndian.Uint32(b[17:])
	row.Seq = binary.BigEndian.Uint64(b[21:])
	row.Absent = binary.BigEndian.Uint32(b[29:])
	b = b[fixed:]
	for _, text := range []*string{&row.Key.Source, &row.Key.ID} {
		size, n := binary.Uvarint(b)
		if n <= 0 || uint64(len(b)-n) < size {
			return errors.New("spooled row is cut off")
		}
		*text = string(b[n : n+int(size)])
		b = b[n+int(size):]
	}
	if err := DecodeRow(b, &row); err != nil {
		return err
	}
	*r = row
	return nil
}
