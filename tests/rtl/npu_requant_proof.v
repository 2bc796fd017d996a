// How npu_requant_proof.py rewrites cells before it asks the solver.
// SPDX-License-Identifier: Apache-2.0

// A register is a wire: of a pipeline, what it computes is left.
module \$dff (CLK, D, Q);
  parameter WIDTH = 0;
  parameter CLK_POLARITY = 1;
  input CLK;
  input [WIDTH-1:0] D;
  output [WIDTH-1:0] Q;
  assign Q = D;
endmodule

// A product is its factors side by side, which is any number there is: what
// holds for those holds for products. The solver has no multiplier to see
// through.
module \$mul (A, B, Y);
  parameter A_SIGNED = 0;
  parameter B_SIGNED = 0;
  parameter A_WIDTH = 0;
  parameter B_WIDTH = 0;
  parameter Y_WIDTH = 0;
  input [A_WIDTH-1:0] A;
  input [B_WIDTH-1:0] B;
  output [Y_WIDTH-1:0] Y;
  wire _TECHMAP_FAIL_ = A_WIDTH + B_WIDTH != Y_WIDTH;
  assign Y = {A, B};
endmodule
