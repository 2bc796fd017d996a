// Takes frames from an AXI stream: a header beat, the elements, a CRC beat.
//
// A frame that is whole and undamaged is held, header and elements, until
// take_i; meanwhile nothing is taken from the stream. Everything else is
// dropped and counted, up to its last beat: a frame of another format or
// length than fits, one that ends early or late, one whose CRC is wrong. A
// good frame whose vector number is not the last good one's plus one counts
// as a sequence error, and is passed on: what was lost was another.
//
// Error counters stop at the top, the count of good frames wraps.
//
// SPDX-License-Identifier: Apache-2.0
module opt_frame_rx #(
  parameter int unsigned Lanes    = rtl_constants::DacLanes,
  parameter int unsigned BeatBits = rtl_constants::FrameBeatBits,
  parameter int unsigned WordBits = rtl_constants::FrameElementBits,
  localparam int unsigned PerBeat = BeatBits / WordBits,
  localparam int unsigned Beats   = (Lanes + PerBeat - 1) / PerBeat
) (
  input  logic                      clk_i,
  input  logic                      rst_ni,
  input  logic                      clear_i,  // the counters

  input  logic                      s_tvalid_i,
  output logic                      s_tready_o,
  input  logic [BeatBits-1:0]       s_tdata_i,
  input  logic                      s_tlast_i,

  output logic                      valid_o,
  input  logic                      take_i,
  output logic [BeatBits-1:0]       header_o,
  output logic [Lanes*WordBits-1:0] code_o,   // elements not sent are 0

  output logic [31:0]               frames_o,
  output logic [15:0]               crc_errors_o,
  output logic [15:0]               format_errors_o,
  output logic [15:0]               sequence_errors_o
);

  typedef enum logic [2:0] {
    Header = 3'd0, Payload = 3'd1, Crc = 3'd2, Skip = 3'd3, Full = 3'd4
  } state_e;

  localparam int unsigned IndexBits = (Beats > 1) ? $clog2(Beats) : 1;
  localparam int unsigned LengthLsb = rtl_constants::FrameLengthLsb;
  localparam int unsigned VectorLsb = rtl_constants::FrameVectorLsb;
  localparam int unsigned FormatLsb = rtl_constants::FrameVersionLsb;

  state_e               state_q;
  logic [BeatBits-1:0]  header_q;
  logic [IndexBits-1:0] beat_q, last_beat_q;
  logic [31:0]          crc_q, crc_next, frames_q;
  logic [15:0]          expected_q;
  logic [15:0]          crc_errors_q, format_errors_q, sequence_errors_q;

  logic                 take, accept, fits, good;
  logic [15:0]          length;
  logic [15:0]          vector;

  assign accept = s_tvalid_i & (state_q != Full);
  assign take   = take_i & (state_q == Full);
  assign length = s_tdata_i[LengthLsb +: 16];
  assign vector = header_q[VectorLsb +: 16];
  assign fits   = (length != 16'd0) & (length <= 16'(Lanes))
      & (s_tdata_i[FormatLsb +: 8] == 8'(rtl_constants::FrameFormat));
  assign good   = s_tdata_i == {{BeatBits-32{1'b0}}, ~crc_q};

  opt_crc32 #(.DataBits(BeatBits)) u_crc (
    .crc_i  (state_q == Header ? 32'hFFFFFFFF : crc_q),
    .data_i (s_tdata_i),
    .crc_o  (crc_next)
  );

  // What this beat shows to be wrong with its frame, if anything.
  logic format_error, crc_error, sequence_error;
  always_comb begin
    format_error   = 1'b0;
    crc_error      = 1'b0;
    sequence_error = 1'b0;
    if (accept) begin
      case (state_q)
        Header:  format_error = ~fits | s_tlast_i;
        Payload: format_error = s_tlast_i;
        Crc: begin
          format_error   = ~s_tlast_i;
          crc_error      = s_tlast_i & ~good;
          sequence_error = s_tlast_i & good & (vector != expected_q);
        end
        default: ;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q    <= Header;
      expected_q <= '0;
    end else if (take) begin
      state_q <= Header;
    end else if (accept) begin
      case (state_q)
        Header: begin
          if (s_tlast_i) begin
            state_q <= Header;
          end else begin
            state_q <= fits ? Payload : Skip;
          end
        end
        Payload: begin
          if (s_tlast_i) begin
            state_q <= Header;
          end else if (beat_q == last_beat_q) begin
            state_q <= Crc;
          end
        end
        Crc: begin
          if (!s_tlast_i) begin
            state_q <= Skip;
          end else if (good) begin
            state_q    <= Full;
            expected_q <= vector + 16'd1;
          end else begin
            state_q <= Header;
          end
        end
        default: state_q <= s_tlast_i ? Header : Skip;
      endcase
    end
  end

  always_ff @(posedge clk_i) begin
    if (accept) begin
      crc_q <= crc_next;
      if (state_q == Header) begin
        header_q    <= s_tdata_i;
        beat_q      <= '0;
        last_beat_q <= IndexBits'((length - 16'd1) / 16'(PerBeat));
      end else begin
        beat_q <= beat_q + IndexBits'(1);
      end
    end
  end

  function automatic logic [15:0] count(input logic [15:0] from,
                                        input logic event_happened);
    count = from + {15'd0, event_happened & ~&from};
  endfunction

  always_ff @(posedge clk_i) begin
    if (!rst_ni | clear_i) begin
      frames_q          <= '0;
      crc_errors_q      <= '0;
      format_errors_q   <= '0;
      sequence_errors_q <= '0;
    end else begin
      frames_q <= frames_q + {31'd0, accept & (state_q == Crc) & s_tlast_i
                                   & good};
      crc_errors_q      <= count(crc_errors_q, crc_error);
      format_errors_q   <= count(format_errors_q, format_error);
      sequence_errors_q <= count(sequence_errors_q, sequence_error);
    end
  end

  for (genvar lane = 0; lane < Lanes; lane++) begin : gen_lane
    logic [WordBits-1:0] code_q;

    always_ff @(posedge clk_i) begin
      if (accept & (state_q == Header)) begin
        code_q <= '0;
      end else if (accept & (state_q == Payload)
                   & (beat_q == IndexBits'(lane / PerBeat))
                   & (16'(lane) < header_q[LengthLsb +: 16])) begin
        code_q <= s_tdata_i[(lane % PerBeat)*WordBits +: WordBits];
      end
    end

    assign code_o[lane*WordBits +: WordBits] = code_q;
  end

  assign s_tready_o        = state_q != Full;
  assign valid_o           = state_q == Full;
  assign header_o          = header_q;
  assign frames_o          = frames_q;
  assign crc_errors_o      = crc_errors_q;
  assign format_errors_o   = format_errors_q;
  assign sequence_errors_o = sequence_errors_q;

endmodule
