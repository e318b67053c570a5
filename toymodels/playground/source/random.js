/**
 * Random numbers from a seed: sfc32 of Chris Doty-Humphrey's PractRand, four 32-bit words of state, one of them a
 * counter, so that no seed has a period below 2^32.
 */
export class Random {
  /** @param {number} seed an integer from 0 to 2^53 */
  constructor(seed) {
    this.state = new Int32Array([0, seed, Math.floor(seed / 2 ** 32), 1]);
    for (let round = 0; round < 12; round += 1) {
      this.uniform(); // neighbouring seeds part
    }
  }

  /** @returns {number} uniform on [0, 1), a multiple of 2^-32 */
  uniform() {
    const state = this.state;
    const b = state[1];
    const c = state[2];
    const drawn = (((state[0] + b) | 0) + state[3]) | 0;
    state[3] += 1;
    state[0] = b ^ (b >>> 9);
    state[1] = c + (c << 3);
    state[2] = ((c << 21) | (c >>> 11)) + drawn;
    return (drawn >>> 0) / 2 ** 32;
  }

  /** @returns {number} standard normal, by Box and Muller's transform */
  normal() {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}
