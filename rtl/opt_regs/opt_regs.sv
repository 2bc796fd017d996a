// The registers, on an AXI4-Lite bus. What there is stands in one table
// (rtl_constants): the words, which can be read, written or both, their bits.
//
// A word that can be read and written is stored here. One that can only be
// read is what read_i says in the cycle that its address is taken; one that
// can only be written acts: its bit of written_o goes up for a cycle, with
// the data in data_o (of stored words too, a cycle before they change).
//
// Anything else is answered with an error and does nothing: words that are
// not there or cannot do that, addresses between words, writes of less than
// a word. One write and one read at a time; they do not wait for each other.
//
// SPDX-License-Identifier: Apache-2.0
module opt_regs #(
  localparam int unsigned Words = rtl_constants::RegisterWords
) (
  input  logic                clk_i,
  input  logic                rst_ni,

  input  logic                awvalid_i,
  output logic                awready_o,
  input  logic [11:0]         awaddr_i,
  input  logic                wvalid_i,
  output logic                wready_o,
  input  logic [31:0]         wdata_i,
  input  logic [3:0]          wstrb_i,
  output logic                bvalid_o,
  input  logic                bready_i,
  output logic [1:0]          bresp_o,
  input  logic                arvalid_i,
  output logic                arready_o,
  input  logic [11:0]         araddr_i,
  output logic                rvalid_o,
  input  logic                rready_i,
  output logic [31:0]         rdata_o,
  output logic [1:0]          rresp_o,

  input  logic [Words*32-1:0] read_i,
  output logic [Words*32-1:0] stored_o,
  output logic [Words-1:0]    written_o,
  output logic [31:0]         data_o
);

  localparam logic [1:0] Okay = 2'b00, SlaveError = 2'b10;

  logic             bvalid_q, rvalid_q, written_q;
  logic [1:0]       bresp_q, rresp_q;
  logic [31:0]      rdata_q, data_q;
  logic [9:0]       word_q;
  logic             write, read, write_fits, read_fits;

  assign write = awvalid_i & wvalid_i & ~bvalid_q;
  assign read  = arvalid_i & ~rvalid_q;
  // Bits beyond the last word are zero.
  function automatic logic fits(input logic [11:0] address,
                                input logic [Words-1:0] can);
    logic [1023:0] all;
    all  = 1024'(can);
    fits = all[address[11:2]] & (address[1:0] == 2'd0);
  endfunction
  assign write_fits = fits(awaddr_i, rtl_constants::RegistersWritable)
                    & (wstrb_i == 4'hF);
  assign read_fits  = fits(araddr_i, rtl_constants::RegistersReadable);

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bvalid_q  <= 1'b0;
      rvalid_q  <= 1'b0;
      written_q <= 1'b0;
    end else begin
      bvalid_q  <= write | (bvalid_q & ~bready_i);
      rvalid_q  <= read | (rvalid_q & ~rready_i);
      written_q <= write & write_fits;
    end
    if (write) begin
      bresp_q <= write_fits ? Okay : SlaveError;
      word_q  <= awaddr_i[11:2];
      data_q  <= wdata_i;
    end
    if (read) begin
      rresp_q <= read_fits ? Okay : SlaveError;
      rdata_q <= read_fits ? shown[{22'd0, araddr_i[11:2]}*32 +: 32] : '0;
    end
  end

  logic [Words*32-1:0] shown;
  for (genvar word = 0; word < Words; word++) begin : gen_word
    localparam logic [31:0] Mask =
        rtl_constants::RegistersMask[word*32 +: 32];
    if (rtl_constants::RegistersStored[word]) begin : gen_kind
      logic [31:0] stored_q;
      always_ff @(posedge clk_i) begin
        if (!rst_ni) begin
          stored_q <= rtl_constants::RegistersReset[word*32 +: 32];
        end else if (written_o[word]) begin
          stored_q <= data_q & Mask;
        end
      end
      assign stored_o[word*32 +: 32] = stored_q;
      assign shown[word*32 +: 32]    = stored_q;
      logic unused_read;
      assign unused_read = ^read_i[word*32 +: 32];
    end else begin : gen_kind
      assign stored_o[word*32 +: 32] = '0;
      assign shown[word*32 +: 32]    = read_i[word*32 +: 32] & Mask;
    end
    assign written_o[word] = written_q & (word_q == 10'(word));
  end

  assign awready_o = write;
  assign wready_o  = write;
  assign bvalid_o  = bvalid_q;
  assign bresp_o   = bresp_q;
  assign arready_o = read;
  assign rvalid_o  = rvalid_q;
  assign rdata_o   = rdata_q;
  assign rresp_o   = rresp_q;
  assign data_o    = data_q;

endmodule
