// A weight-stationary systolic array tile of int8 multipliers, with its
// accumulators, requantisers and sequencer.
//
//   acc[base + i][c] (+)= sum over r of activation[i][r] * weight[r][c]
//   out[i][c] = requantise(acc[base + i][c], parameters of set and column)
//
// Rows of activations enter as they are; the block skews them, by a cycle a
// row, and takes the skew out of the codes again. Weights enter a row a
// cycle, the last one first, into a waiting plane that a MATMUL with swap puts
// to work, element by element, just ahead of its first row.
//
// Commands, in order; every one has its rows less one in cmd_last_i:
//   0 LOAD    takes Rows rows of weights (cmd_last_i is ignored)
//   1 MATMUL  takes rows of activations; cmd_swap_i: takes the next LOAD's
//             weights; cmd_accumulate_i: adds to the accumulators, else
//             overwrites
//   2 DRAIN   reads accumulators out through the parameters of cmd_set_i
//   3         nothing
// Rows of accumulators wrap around. Without a LOAD for a swap, or with more
// than four LOADs that no swap has taken, the block waits for ever.
//
// Cycles: npu_array_timing.h has every one of them. Undisturbed, tiles follow
// each other every max(rows, Rows) cycles.
//
// Flops, not wires: outputs depend on no input of the same cycle.
//
// SPDX-License-Identifier: Apache-2.0
module npu_array #(
  parameter int unsigned Rows  = 8,   // of the array: at least 2
  parameter int unsigned Cols  = 8,   // at least 2
  parameter int unsigned Depth = 64,  // rows of accumulators, 2^n
  parameter int unsigned Sets  = 16,  // of requantiser parameters, 2^n
  localparam int unsigned AddrBits  = $clog2(Depth),
  localparam int unsigned SetBits   = $clog2(Sets),
  localparam int unsigned ColBits   = $clog2(Cols),
  localparam int unsigned ParamBits = 63
) (
  input  logic                 clk_i,
  input  logic                 rst_ni,

  // Requantiser parameters; see npu_column for the fields. Not while a DRAIN
  // of the set is under way.
  input  logic                 param_we_i,
  input  logic [ColBits-1:0]   param_col_i,
  input  logic [SetBits-1:0]   param_set_i,
  input  logic [ParamBits-1:0] param_i,

  // Commands.
  input  logic                 cmd_valid_i,
  output logic                 cmd_ready_o,
  input  logic [1:0]           cmd_op_i,
  input  logic [AddrBits-1:0]  cmd_last_i,
  input  logic [AddrBits-1:0]  cmd_base_i,
  input  logic                 cmd_swap_i,
  input  logic                 cmd_accumulate_i,
  input  logic [SetBits-1:0]   cmd_set_i,

  // A row of weights: byte c is column c's. A row of activations: byte r is
  // for array row r.
  input  logic                 weight_valid_i,
  output logic                 weight_ready_o,
  input  logic [Cols*8-1:0]    weight_i,
  input  logic                 activation_valid_i,
  output logic                 activation_ready_o,
  input  logic [Rows*8-1:0]    activation_i,

  // A row of codes; last of its DRAIN.
  output logic                 out_valid_o,
  input  logic                 out_ready_i,
  output logic [Cols*8-1:0]    out_o,
  output logic                 out_last_o,

  output logic                 busy_o,
  output logic [2:0]           done_o,         // LOAD, MATMUL, DRAIN: a pulse
  output logic [31:0]          busy_cycles_o,  // counters, modulo 2^32
  output logic [31:0]          overflows_o,    // additions beyond int32
  output logic [31:0]          clamped_o       // codes that the clamp changed
);

  // Rows products of int8: |sum| <= Rows * 2^14.
  localparam int unsigned PsumBits = 16 + $clog2(Rows);
  // Cycles from a row's read in column 0 to its codes in the last column.
  localparam int unsigned DrainStages = Cols + 4;
  // Full rate: a credit is back 2 cycles after the row is in the queue.
  localparam int unsigned OutBits  = $clog2(DrainStages + 2);
  localparam int unsigned OutDepth = 1 << OutBits;
  localparam int unsigned SumBits  = $clog2(Cols + 1);

  // The buffers at the ports. They are ready when they empty this cycle.
  logic              weight_full_q, activation_full_q, shift, launch, pop;
  logic [Cols*8-1:0] weight_q;
  logic [Rows*8-1:0] activation_q;

  assign weight_ready_o     = ~weight_full_q | shift;
  assign activation_ready_o = ~activation_full_q | launch;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      weight_full_q     <= 1'b0;
      activation_full_q <= 1'b0;
    end else begin
      weight_full_q     <= weight_valid_i | ~weight_ready_o;
      activation_full_q <= activation_valid_i | ~activation_ready_o;
    end
  end

  always_ff @(posedge clk_i) begin
    if (weight_ready_o) begin
      weight_q <= weight_i;
    end
    if (activation_ready_o) begin
      activation_q <= activation_i;
    end
  end

  logic [Rows-1:0]     shift_row;
  logic                swap, sum_valid, sum_last, sum_accumulate;
  logic                drain_valid, drain_last, load_done, active;
  logic [AddrBits-1:0] sum_addr, drain_addr;
  logic [SetBits-1:0]  drain_set;

  npu_sequencer #(
    .Rows(Rows), .Depth(Depth), .Sets(Sets), .OutDepth(OutDepth)
  ) u_sequencer (
    .clk_i, .rst_ni,
    .cmd_valid_i, .cmd_ready_o, .cmd_op_i, .cmd_last_i, .cmd_base_i,
    .cmd_swap_i, .cmd_accumulate_i, .cmd_set_i,
    .weight_full_i     (weight_full_q),
    .shift_o           (shift),
    .activation_full_i (activation_full_q),
    .launch_o          (launch),
    .shift_row_o       (shift_row),
    .swap_o            (swap),
    .sum_valid_o       (sum_valid),
    .sum_last_o        (sum_last),
    .sum_accumulate_o  (sum_accumulate),
    .sum_addr_o        (sum_addr),
    .drain_valid_o     (drain_valid),
    .drain_last_o      (drain_last),
    .drain_addr_o      (drain_addr),
    .drain_set_o       (drain_set),
    .pop_i             (pop),
    .load_done_o       (load_done),
    .active_o          (active)
  );

  // The skew: r cycles for what enters row r, c for what enters column c.
  for (genvar r = 0; r < Rows; r++) begin : gen_row_skew
    logic [7:0] activation;
    logic       swap_row;
    if (r == 0) begin : gen_none
      assign activation = activation_q[7:0];
      assign swap_row   = swap;
    end else begin : gen_delay
      logic [r*8-1:0] bytes_q;
      logic           swap_q;
      always_ff @(posedge clk_i) begin
        bytes_q <= (r*8)'({bytes_q, activation_q[r*8 +: 8]});
        swap_q  <= gen_row_skew[r-1].swap_row;
      end
      assign activation = bytes_q[(r-1)*8 +: 8];
      assign swap_row   = swap_q;
    end
  end

  for (genvar c = 0; c < Cols; c++) begin : gen_col_skew
    logic [7:0] weight;
    if (c == 0) begin : gen_none
      assign weight = weight_q[7:0];
    end else begin : gen_delay
      logic [c*8-1:0] bytes_q;
      always_ff @(posedge clk_i) begin
        bytes_q <= (c*8)'({bytes_q, weight_q[c*8 +: 8]});
      end
      assign weight = bytes_q[(c-1)*8 +: 8];
    end
  end

  for (genvar r = 0; r < Rows; r++) begin : gen_row
    for (genvar c = 0; c < Cols; c++) begin : gen_col
      logic [7:0]          activation_left, weight_above;
      logic [7:0]          activation, weight;
      logic                swap_left, shift_left, swap_pe, shift_pe;
      logic [PsumBits-1:0] psum_above, psum;

      if (c == 0) begin : gen_first_col
        assign activation_left = gen_row_skew[r].activation;
        assign swap_left       = gen_row_skew[r].swap_row;
        assign shift_left      = shift_row[r];
      end else begin : gen_next_col
        assign activation_left = gen_row[r].gen_col[c-1].activation;
        assign swap_left       = gen_row[r].gen_col[c-1].swap_pe;
        assign shift_left      = gen_row[r].gen_col[c-1].shift_pe;
      end
      if (r == 0) begin : gen_first_row
        assign weight_above = gen_col_skew[c].weight;
        assign psum_above   = '0;
      end else begin : gen_next_row
        assign weight_above = gen_row[r-1].gen_col[c].weight;
        assign psum_above   = gen_row[r-1].gen_col[c].psum;
      end

      npu_pe #(.PsumBits(PsumBits)) u_pe (
        .clk_i,
        .activation_i (activation_left),
        .swap_i       (swap_left),
        .shift_i      (shift_left),
        .activation_o (activation),
        .swap_o       (swap_pe),
        .shift_o      (shift_pe),
        .weight_i     (weight_above),
        .psum_i       (psum_above),
        .weight_o     (weight),
        .psum_o       (psum)
      );
    end
    logic unused_right;
    assign unused_right = ^{gen_row[r].gen_col[Cols-1].activation,
                            gen_row[r].gen_col[Cols-1].swap_pe,
                            gen_row[r].gen_col[Cols-1].shift_pe};
  end

  // Columns, their tokens a cycle later each, and the skew taken out.
  logic [Cols-1:0]   token_valid, overflow, clamped;
  logic [Cols*8-1:0] codes;

  for (genvar c = 0; c < Cols; c++) begin : gen_column
    logic                sum_valid_c, sum_last_c, sum_accumulate_c;
    logic [AddrBits-1:0] sum_addr_c, drain_addr_c;
    logic [SetBits-1:0]  drain_set_c;
    logic [8:0]          code;

    if (c == 0) begin : gen_first
      assign sum_valid_c      = sum_valid;
      assign sum_last_c       = sum_last;
      assign sum_accumulate_c = sum_accumulate;
      assign sum_addr_c       = sum_addr;
      assign drain_addr_c     = drain_addr;
      assign drain_set_c      = drain_set;
    end else begin : gen_next
      logic                sum_valid_q, sum_last_q, sum_accumulate_q;
      logic [AddrBits-1:0] sum_addr_q, drain_addr_q;
      logic [SetBits-1:0]  drain_set_q;
      always_ff @(posedge clk_i) begin
        sum_valid_q      <= rst_ni & gen_column[c-1].sum_valid_c;
        sum_last_q       <= gen_column[c-1].sum_last_c;
        sum_accumulate_q <= gen_column[c-1].sum_accumulate_c;
        sum_addr_q       <= gen_column[c-1].sum_addr_c;
        drain_addr_q     <= gen_column[c-1].drain_addr_c;
        drain_set_q      <= gen_column[c-1].drain_set_c;
      end
      assign sum_valid_c      = sum_valid_q;
      assign sum_last_c       = sum_last_q;
      assign sum_accumulate_c = sum_accumulate_q;
      assign sum_addr_c       = sum_addr_q;
      assign drain_addr_c     = drain_addr_q;
      assign drain_set_c      = drain_set_q;
    end

    npu_column #(
      .PsumBits(PsumBits), .Depth(Depth), .Sets(Sets)
    ) u_column (
      .clk_i, .rst_ni,
      .param_we_i       (param_we_i & (param_col_i == ColBits'(c))),
      .param_set_i,
      .param_i,
      .psum_i           (gen_row[Rows-1].gen_col[c].psum),
      .sum_valid_i      (sum_valid_c),
      .sum_accumulate_i (sum_accumulate_c),
      .sum_addr_i       (sum_addr_c),
      .overflow_o       (overflow[c]),
      .drain_addr_i     (drain_addr_c),
      .drain_set_i      (drain_set_c),
      .code_o           (code[7:0]),
      .clamped_o        (code[8])
    );

    logic unused_weight;
    assign unused_weight = ^gen_row[Rows-1].gen_col[c].weight;
    assign token_valid[c] = sum_valid_c;

    if (c == Cols - 1) begin : gen_straight
      assign {clamped[c], codes[c*8 +: 8]} = code;
    end else begin : gen_deskew
      localparam int unsigned Stages = Cols - 1 - c;
      logic [Stages*9-1:0] codes_q;
      always_ff @(posedge clk_i) begin
        codes_q <= (Stages*9)'({codes_q, code});
      end
      assign {clamped[c], codes[c*8 +: 8]} = codes_q[(Stages-1)*9 +: 9];
    end
  end

  // The drain's token goes along, and then the row into the output queue.
  logic [DrainStages-1:0]     drain_valid_q, drain_last_q;
  logic [Cols*8:0]            out_q [OutDepth];
  logic [OutBits-1:0]         out_in_q, out_out_q;
  logic [OutBits:0]           out_count_q;
  logic                       arrives;

  assign arrives = drain_valid_q[DrainStages-1];
  assign pop     = out_valid_o & out_ready_i;

  always_ff @(posedge clk_i) begin
    drain_last_q <= {drain_last_q[DrainStages-2:0], drain_last};
    if (arrives) begin
      out_q[out_in_q] <= {drain_last_q[DrainStages-1], codes};
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      drain_valid_q <= '0;
      out_in_q      <= '0;
      out_out_q     <= '0;
      out_count_q   <= '0;
    end else begin
      drain_valid_q <= {drain_valid_q[DrainStages-2:0], drain_valid};
      out_in_q      <= out_in_q + OutBits'(arrives);
      out_out_q     <= out_out_q + OutBits'(pop);
      out_count_q   <= out_count_q + (OutBits+1)'(arrives)
                                   - (OutBits+1)'(pop);
    end
  end

  assign out_valid_o         = (out_count_q != '0);
  assign {out_last_o, out_o} = out_q[out_out_q];

  // Counters.
  function automatic logic [SumBits-1:0] ones(input logic [Cols-1:0] bits);
    ones = '0;
    for (int unsigned c = 0; c < Cols; c++) begin
      ones = ones + SumBits'(bits[c]);
    end
  endfunction

  logic [31:0] busy_cycles_q, overflows_q, clamped_q;
  logic [2:0]  done_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      busy_cycles_q <= '0;
      overflows_q   <= '0;
      clamped_q     <= '0;
      done_q        <= '0;
    end else begin
      busy_cycles_q <= busy_cycles_q + 32'(busy_o);
      overflows_q   <= overflows_q + 32'(ones(overflow));
      clamped_q     <= clamped_q + 32'(ones(clamped & {Cols{arrives}}));
      done_q[0]     <= load_done;
      done_q[1]     <= gen_column[Cols-1].sum_valid_c
                       & gen_column[Cols-1].sum_last_c;
      done_q[2]     <= pop & out_last_o;
    end
  end

  assign busy_o        = active | (token_valid != '0);
  assign done_o        = done_q;
  assign busy_cycles_o = busy_cycles_q;
  assign overflows_o   = overflows_q;
  assign clamped_o     = clamped_q;

endmodule
