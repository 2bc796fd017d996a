// The control of npu_array: three queues of commands, what may go ahead when,
// and the tokens that travel with the data.
//
// LOAD, MATMUL and DRAIN wait in queues of their own, so that the next
// weights shift in and earlier sums drain while a MATMUL runs. They come in
// order, and it looks as if they were done in order:
//   LOAD    waits for the waiting plane of weights to be free: swapped in, or
//           being swapped in this cycle. A MATMUL with swap waits for the
//           LOAD it takes; the n-th swap takes the n-th LOAD.
//   DRAIN   reads a row once no MATMUL before it will still write that row.
//   MATMUL  starts a row once no DRAIN before it has that row still to read.
// Rows are compared one by one, not commands: a DRAIN follows the last
// wavefront of its own sums, and the next tile follows the DRAIN. Who came
// before whom is a bit for each pair of a MATMUL and a DRAIN in the queues.
//
// Time is one column's, the leftmost. Everything in column c happens c cycles
// later, in the same order, so what is right here is right there. A sum is
// written Rows cycles after its row was launched, and the row's token is on
// its way for as long.
//
// Nothing ever stops what was launched: rows are launched into room that is
// known to be there (credits for the output queue). Of the inputs, outputs
// see only the two buffers' flops in the same cycle.
//
// SPDX-License-Identifier: Apache-2.0
module npu_sequencer #(
  parameter int unsigned Rows     = 8,   // of the array
  parameter int unsigned Depth    = 64,  // rows of accumulators, 2^n
  parameter int unsigned Sets     = 16,  // of requantiser parameters, 2^n
  parameter int unsigned OutDepth = 16,  // rows of the output queue, 2^n
  localparam int unsigned AddrBits  = $clog2(Depth),
  localparam int unsigned SetBits   = $clog2(Sets),
  localparam int unsigned CountBits = $clog2(OutDepth) + 1
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  // Commands: see npu_array.
  input  logic                cmd_valid_i,
  output logic                cmd_ready_o,
  input  logic [1:0]          cmd_op_i,
  input  logic [AddrBits-1:0] cmd_last_i,
  input  logic [AddrBits-1:0] cmd_base_i,
  input  logic                cmd_swap_i,
  input  logic                cmd_accumulate_i,
  input  logic [SetBits-1:0]  cmd_set_i,

  // The one-row buffers in front of the array: full; and emptied now.
  input  logic                weight_full_i,
  output logic                shift_o,
  input  logic                activation_full_i,
  output logic                launch_o,

  // To the array: the rows whose waiting weights move down; swap planes.
  output logic [Rows-1:0]     shift_row_o,
  output logic                swap_o,

  // To the leftmost column: the token of the sum that comes out now.
  output logic                sum_valid_o,
  output logic                sum_last_o,
  output logic                sum_accumulate_o,
  output logic [AddrBits-1:0] sum_addr_o,

  // And what it reads.
  output logic                drain_valid_o,
  output logic                drain_last_o,
  output logic [AddrBits-1:0] drain_addr_o,
  output logic [SetBits-1:0]  drain_set_o,

  // A row has left the output queue.
  input  logic                pop_i,

  // The last weights of a LOAD shift in now.
  output logic                load_done_o,
  // Something is queued or under way, in this module's keeping.
  output logic                active_o
);

  localparam int unsigned Queue = 4;  // commands a queue holds, 2^n
  localparam int unsigned QueueBits = $clog2(Queue);

  localparam logic [1:0] OpLoad   = 2'd0;
  localparam logic [1:0] OpMatmul = 2'd1;
  localparam logic [1:0] OpDrain  = 2'd2;

  // Whether `addr` is one of the `left` + 1 rows from `base` on; rows wrap.
  function automatic logic covers(input logic [AddrBits-1:0] base,
                                  input logic [AddrBits-1:0] left,
                                  input logic [AddrBits-1:0] addr);
    covers = (addr - base) <= left;
  endfunction

  logic shift, load_done, launch, swap, matmul_done, issue, drain_done;
  logic push_load, push_matmul, push_drain;

  // LOAD. A command is a count; the steps taken are a row of ones.
  logic [QueueBits:0] loads_q;
  logic [Rows-1:0]    step_q;     // rows that take part: 1, 3, 7, ...
  logic               loaded_q;   // the waiting plane is complete

  assign shift     = weight_full_i & (loads_q != '0) & (~loaded_q | swap);
  assign load_done = shift & step_q[Rows-1];

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      loads_q  <= '0;
      step_q   <= Rows'(1);
      loaded_q <= 1'b0;
    end else begin
      loads_q  <= loads_q + (QueueBits+1)'(push_load)
                          - (QueueBits+1)'(load_done);
      loaded_q <= load_done | (loaded_q & ~swap);
      if (load_done) begin
        step_q <= Rows'(1);
      end else if (shift) begin
        step_q <= {step_q[Rows-2:0], 1'b1};
      end
    end
  end

  // The queues of MATMUL and DRAIN: where the next command goes, and which is
  // the oldest.
  logic [QueueBits-1:0] matmul_in_q, matmul_out_q, drain_in_q, drain_out_q;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      matmul_in_q  <= '0;
      matmul_out_q <= '0;
      drain_in_q   <= '0;
      drain_out_q  <= '0;
    end else begin
      matmul_in_q  <= matmul_in_q + QueueBits'(push_matmul);
      matmul_out_q <= matmul_out_q + QueueBits'(matmul_done);
      drain_in_q   <= drain_in_q + QueueBits'(push_drain);
      drain_out_q  <= drain_out_q + QueueBits'(drain_done);
    end
  end

  // Fields of all places, side by side.
  logic [Queue-1:0]          matmul_full, matmul_swap, matmul_accumulate;
  logic [Queue*AddrBits-1:0] matmul_addr, matmul_left;
  logic [Queue*Queue-1:0]    matmul_after;  // drains before it, by place
  logic [Queue-1:0]          drain_full;
  logic [Queue*AddrBits-1:0] drain_addr, drain_left;
  logic [Queue*SetBits-1:0]  drain_set;

  // The oldest of each.
  logic [AddrBits-1:0] launch_addr, launch_left, issue_addr, issue_left;
  logic [Queue-1:0]    launch_after, drain_gone, held, pending;

  assign launch_addr  = matmul_addr[32'(matmul_out_q)*AddrBits +: AddrBits];
  assign launch_left  = matmul_left[32'(matmul_out_q)*AddrBits +: AddrBits];
  assign launch_after = matmul_after[32'(matmul_out_q)*Queue +: Queue];
  assign issue_addr   = drain_addr[32'(drain_out_q)*AddrBits +: AddrBits];
  assign issue_left   = drain_left[32'(drain_out_q)*AddrBits +: AddrBits];

  assign launch      = activation_full_i & matmul_full[matmul_out_q]
                       & (~matmul_swap[matmul_out_q] | loaded_q)
                       & (held == '0);
  assign swap        = launch & matmul_swap[matmul_out_q];
  assign matmul_done = launch & (launch_left == '0);
  assign drain_done  = issue & (issue_left == '0);
  assign drain_gone  = Queue'(drain_done) << drain_out_q;

  for (genvar i = 0; i < Queue; i++) begin : gen_matmul
    logic                full_q, swap_q, accumulate_q;
    logic [AddrBits-1:0] addr_q, left_q;
    logic [Queue-1:0]    after_q;
    logic                push, oldest;

    assign push   = push_matmul & (matmul_in_q == QueueBits'(i));
    assign oldest = (matmul_out_q == QueueBits'(i));

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        full_q <= 1'b0;
      end else begin
        full_q <= push | (full_q & ~(oldest & matmul_done));
      end
    end

    always_ff @(posedge clk_i) begin
      if (push) begin
        swap_q       <= cmd_swap_i;
        accumulate_q <= cmd_accumulate_i;
        addr_q       <= cmd_base_i;
        left_q       <= cmd_last_i;
        after_q      <= drain_full & ~drain_gone;
      end else begin
        after_q <= after_q & ~drain_gone;
        if (oldest & launch) begin
          swap_q <= 1'b0;  // by the first row, for all
          addr_q <= addr_q + AddrBits'(1);
          left_q <= left_q - AddrBits'(1);
        end
      end
    end

    assign matmul_full[i]       = full_q;
    assign matmul_swap[i]       = swap_q;
    assign matmul_accumulate[i] = accumulate_q;
    assign matmul_addr[i*AddrBits +: AddrBits] = addr_q;
    assign matmul_left[i*AddrBits +: AddrBits] = left_q;
    assign matmul_after[i*Queue +: Queue]      = after_q;

    // Before the oldest drain, and with its next row still to launch.
    assign pending[i] = full_q & ~after_q[drain_out_q]
                        & covers(addr_q, left_q, issue_addr);
  end

  for (genvar i = 0; i < Queue; i++) begin : gen_drain
    logic                full_q;
    logic [AddrBits-1:0] addr_q, left_q;
    logic [SetBits-1:0]  set_q;
    logic                push, oldest;

    assign push   = push_drain & (drain_in_q == QueueBits'(i));
    assign oldest = (drain_out_q == QueueBits'(i));

    always_ff @(posedge clk_i) begin
      if (!rst_ni) begin
        full_q <= 1'b0;
      end else begin
        full_q <= push | (full_q & ~(oldest & drain_done));
      end
    end

    always_ff @(posedge clk_i) begin
      if (push) begin
        addr_q <= cmd_base_i;
        left_q <= cmd_last_i;
        set_q  <= cmd_set_i;
      end else if (oldest & issue) begin
        addr_q <= addr_q + AddrBits'(1);
        left_q <= left_q - AddrBits'(1);
      end
    end

    assign drain_full[i] = full_q;
    assign drain_addr[i*AddrBits +: AddrBits] = addr_q;
    assign drain_left[i*AddrBits +: AddrBits] = left_q;
    assign drain_set[i*SetBits +: SetBits]    = set_q;

    // Before the oldest MATMUL, and with its next row still to read.
    assign held[i] = launch_after[i] & covers(addr_q, left_q, launch_addr);
  end

  // Tokens of the rows on their way down the leftmost column.
  logic [Rows-1:0] in_flight;

  for (genvar r = 0; r < Rows; r++) begin : gen_token
    logic                valid_q, last_q, accumulate_q;
    logic [AddrBits-1:0] addr_q;

    if (r == 0) begin : gen_first
      always_ff @(posedge clk_i) begin
        valid_q      <= rst_ni & launch;
        last_q       <= matmul_done;
        accumulate_q <= matmul_accumulate[matmul_out_q];
        addr_q       <= launch_addr;
      end
    end else begin : gen_next
      always_ff @(posedge clk_i) begin
        valid_q      <= rst_ni & gen_token[r-1].valid_q;
        last_q       <= gen_token[r-1].last_q;
        accumulate_q <= gen_token[r-1].accumulate_q;
        addr_q       <= gen_token[r-1].addr_q;
      end
    end

    assign in_flight[r] = valid_q & (addr_q == issue_addr);
  end

  // Rows read and not yet taken by whoever reads the output.
  logic [CountBits-1:0] rows_out_q;

  assign issue = drain_full[drain_out_q] & (pending == '0) & (in_flight == '0)
                 & (rows_out_q != CountBits'(OutDepth));

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rows_out_q <= '0;
    end else begin
      rows_out_q <= rows_out_q + CountBits'(issue) - CountBits'(pop_i);
    end
  end

  // The command port. Ready means room in all queues: to look at the command
  // first would make an output depend on an input.
  logic push;

  assign cmd_ready_o = (loads_q != (QueueBits+1)'(Queue))
                       & (matmul_full != '1) & (drain_full != '1);
  assign push        = cmd_valid_i & cmd_ready_o;
  assign push_load   = push & (cmd_op_i == OpLoad);
  assign push_matmul = push & (cmd_op_i == OpMatmul);
  assign push_drain  = push & (cmd_op_i == OpDrain);

  assign shift_o          = shift;
  assign launch_o         = launch;
  assign shift_row_o      = step_q & {Rows{shift}};
  assign swap_o           = swap;
  assign sum_valid_o      = gen_token[Rows-1].valid_q;
  assign sum_last_o       = gen_token[Rows-1].last_q;
  assign sum_accumulate_o = gen_token[Rows-1].accumulate_q;
  assign sum_addr_o       = gen_token[Rows-1].addr_q;
  assign drain_valid_o    = issue;
  assign drain_last_o     = drain_done;
  assign drain_addr_o     = issue_addr;
  assign drain_set_o      = drain_set[32'(drain_out_q)*SetBits +: SetBits];
  assign load_done_o      = load_done;

  logic [Rows-1:0] token_valid;
  for (genvar r = 0; r < Rows; r++) begin : gen_token_valid
    assign token_valid[r] = gen_token[r].valid_q;
  end
  assign active_o = (loads_q != '0) | (matmul_full != '0)
                    | (drain_full != '0) | (token_valid != '0)
                    | (rows_out_q != '0);

endmodule
