package zoo

import "errors"

// Arith is the service of every example.
type Arith struct{}

// Multiply answers A × B.
func (Arith) Multiply(args *Args, product *int) error {
	*product = args.A * args.B
	return nil
}

// Divide answers the quotient and the remainder; its error is `divide by zero`.
func (Arith) Divide(args *Args, quotient *Quotient) error {
	if args.B == 0 {
		return errors.New("divide by zero")
	}
	*quotient = Quotient{args.A / args.B, args.A % args.B}
	return nil
}
