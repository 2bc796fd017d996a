// Nothing: what starting and ending a program takes.
// SPDX-License-Identifier: Apache-2.0
int main(void) { return 0; }
