// Reads the changes of one table from a frazil server and prints them as JSON lines.
//
//	go run . HOST:PORT TABLE
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/apache/arrow-go/v18/arrow/flight"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: client HOST:PORT TABLE")
		os.Exit(2)
	}
	output := bufio.NewWriter(os.Stdout)
	err := read(context.Background(), os.Args[1], os.Args[2], output)
	if err := errors.Join(err, output.Flush()); err != nil {
		fmt.Fprintln(os.Stderr, "error:", err)
		os.Exit(1)
	}
}

func read(ctx context.Context, address, table string, output io.Writer) error {
	credentials := grpc.WithTransportCredentials(insecure.NewCredentials())
	client, err := flight.NewClientWithMiddleware(address, nil, nil, credentials)
	if err != nil {
		return err
	}
	defer client.Close()
	// frazil.v1.ReadChangesRequest in JSON: what is left out has its default.
	command, err := json.Marshal(map[string]any{"table": table})
	if err != nil {
		return err
	}
	descriptor := &flight.FlightDescriptor{Type: flight.DescriptorCMD, Cmd: command}
	info, err := client.GetFlightInfo(ctx, descriptor)
	if err != nil {
		return err
	}
	for _, endpoint := range info.Endpoint {
		if err := readEndpoint(ctx, client, endpoint, output); err != nil {
			return err
		}
	}
	return nil
}

func readEndpoint(ctx context.Context, client flight.Client, endpoint *flight.FlightEndpoint, output io.Writer) error {
	stream, err := client.DoGet(ctx, endpoint.Ticket)
	if err != nil {
		return err
	}
	reader, err := flight.NewRecordReader(stream)
	if err != nil {
		return err
	}
	defer reader.Release()
	for reader.Next() {
		record := reader.Record()
		// One object with an array for each column would be shorter; one for each row is easier to compare.
		for row := 0; row < int(record.NumRows()); row++ {
			object := make(map[string]any, record.NumCols())
			for index, column := range record.Columns() {
				object[record.ColumnName(index)] = column.GetOneForMarshal(row)
			}
			line, err := json.Marshal(object)
			if err != nil {
				return err
			}
			if _, err := fmt.Fprintf(output, "%s\n", line); err != nil {
				return err
			}
		}
		// Where to go on from after this batch: {"position": …, "marker": …}.
		_ = reader.LatestAppMetadata()
	}
	if err := reader.Err(); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	return nil
}
