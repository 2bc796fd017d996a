// One beat's step of CRC-32: bit 0 of the beat's lowest byte goes first.
// Begin with all ones, end by inverting.
//
// SPDX-License-Identifier: Apache-2.0
module opt_crc32 #(
  parameter int unsigned DataBits = rtl_constants::FrameBeatBits
) (
  input  logic [31:0]         crc_i,
  input  logic [DataBits-1:0] data_i,
  output logic [31:0]         crc_o
);

  function automatic logic [31:0] step(input logic [31:0] from,
                                       input logic [DataBits-1:0] data);
    logic [31:0] crc;
    crc = from;
    for (int unsigned i = 0; i < DataBits; i++) begin
      crc = {1'b0, crc[31:1]}
          ^ ({32{crc[0] ^ data[i]}} & rtl_constants::FrameCrcPolynomial);
    end
    step = crc;
  endfunction

  assign crc_o = step(crc_i, data_i);

endmodule
