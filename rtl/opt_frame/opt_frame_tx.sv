// Puts frames on an AXI stream: what opt_frame_rx.sv takes from one.
//
// send_i hands over a header and the elements, of which the header's length
// are sent; taken while ready_o is high. The last beat of elements is filled
// up with zeros.
//
// SPDX-License-Identifier: Apache-2.0
module opt_frame_tx #(
  parameter int unsigned Lanes    = rtl_constants::SarLanes,
  parameter int unsigned BeatBits = rtl_constants::FrameBeatBits,
  parameter int unsigned WordBits = rtl_constants::FrameElementBits,
  localparam int unsigned PerBeat = BeatBits / WordBits,
  localparam int unsigned Beats   = (Lanes + PerBeat - 1) / PerBeat
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,  // the counters

  input  logic                      send_i,
  output logic                      ready_o,
  input  logic [BeatBits-1:0]       header_i,
  input  logic [Lanes*WordBits-1:0] value_i,

  output logic                      m_tvalid_o,
  input  logic                      m_tready_i,
  output logic [BeatBits-1:0]       m_tdata_o,
  output logic                      m_tlast_o,

  output logic [31:0]               frames_o,  // sent whole
  output logic [31:0]               stalls_o   // cycles that nobody took a beat
);

  typedef enum logic [1:0] {
    Idle = 2'd0, Header = 2'd1, Payload = 2'd2, Crc = 2'd3
  } state_e;

  localparam int unsigned IndexBits = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned LengthLsb = rtl_constants::FrameLengthLsb;

  state_e                    state_q;
  logic [BeatBits-1:0]       header_q;
  logic [Beats*BeatBits-1:0] value_q;
  logic [IndexBits-1:0]      left_q;  // beats of elements after this one
  logic [31:0]               crc_q, crc_next, frames_q, stalls_q;
  logic                      take, accept;
  logic [15:0]               length;
  logic [Beats*BeatBits-1:0] masked;

  assign take   = send_i & (state_q == Idle);
  assign accept = m_tready_i & (state_q != Idle);
  assign length = header_q[LengthLsb +: 16];

  for (genvar lane = 0; lane < Beats * PerBeat; lane++) begin : gen_lane
    if (lane < Lanes) begin : gen_masked
      assign masked[lane*WordBits +: WordBits] =
          value_i[lane*WordBits +: WordBits]
          & {WordBits{16'(lane) < header_i[LengthLsb +: 16]}};
    end else begin : gen_masked
      assign masked[lane*WordBits +: WordBits] = '0;
    end
  end

  opt_crc32 #(.DataBits(BeatBits)) u_crc (
    .crc_i  (state_q == Header ? 32'hFFFFFFFF : crc_q),
    .data_i (state_q == Header ? header_q : value_q[BeatBits-1:0]),
    .crc_o  (crc_next)
  );

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= Idle;
    end else if (take) begin
      state_q <= Header;
    end else if (accept) begin
      case (state_q)
        Header:  state_q <= Payload;
        Payload: state_q <= (left_q == '0) ? Crc : Payload;
        default: state_q <= Idle;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (take) begin
      header_q <= header_i;
      value_q  <= masked;
    end else if (accept) begin
      crc_q <= crc_next;
      if (state_q == Header) begin
        left_q <= IndexBits'((length - 16'd1) / 16'(PerBeat));
      end else if (state_q == Payload) begin
        left_q  <= left_q - IndexBits'(1);
        value_q <= value_q >> BeatBits;
      end
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni | clear_i) begin
      frames_q <= '0;
      stalls_q <= '0;
    end else begin
      frames_q <= frames_q + {31'd0, accept & (state_q == Crc)};
      stalls_q <= stalls_q + {31'd0, (state_q != Idle) & ~m_tready_i};
    end
  end

  always_comb begin
    case (state_q)
      Header:  m_tdata_o = header_q;
      Payload: m_tdata_o = value_q[BeatBits-1:0];
      Crc:     m_tdata_o = {{BeatBits-32{1'b0}}, ~crc_q};
      default: m_tdata_o = '0;
    endcase
  end
  assign m_tvalid_o = state_q != Idle;
  assign m_tlast_o  = state_q == Crc;
  assign ready_o    = state_q == Idle;
  assign frames_o   = frames_q;
  assign stalls_o   = stalls_q;

endmodule
