import { decimal } from "./dom.js";
import { label, labelStride, path, sheet } from "./drawing.js";
import { gram } from "./geometry.js";

/**
 * Draws WᵀW, and b as a column beside it: blue is -1 and below, red 1 and above.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {{ W: Float64Array, b: ArrayLike<number>, m: number, n: number }} model
 * @param {{ row: number, column: number } | null} chosen the cell to mark; column n is b
 * @param {object} palette of PALETTES
 */
export function drawMatrix(canvas, { W, b, m, n }, chosen, palette) {
  const { context, width, height } = sheet(canvas);
  const { cell, left, top, columnLeft } = matrixPlan(width, height, n);
  const products = gram(W, m, n);
  const gap = cell > 12 ? 1 : 0;
  for (let row = 0; row < n; row += 1) {
    for (let column = 0; column <= n; column += 1) {
      const value = column < n ? products[row * n + column] : b[row];
      context.fillStyle = palette.signed((value + 1) / 2);
      context.fillRect(columnLeft(column), top + row * cell, cell - gap, cell - gap);
    }
  }
  const stride = labelStride(cell, 15);
  for (let i = 0; i < n; i += stride) {
    const style = { color: palette.soft, size: 11 };
    label(context, String(i), left - 10, top + (i + 0.5) * cell, style);
    label(context, String(i), columnLeft(i) + cell / 2, top - 10, style);
  }
  const style = { color: palette.ink, size: 13 };
  label(context, "W\u1d40W", left + (n * cell) / 2, top + n * cell + 14, style);
  label(context, "b", columnLeft(n) + cell / 2, top + n * cell + 14, style);
  if (chosen) {
    const [x, y] = [columnLeft(chosen.column), top + chosen.row * cell];
    const corners = [[0, 0], [1, 0], [1, 1], [0, 1], [0, 0]];
    path(context, corners.map(([a, c]) => [x + a * (cell - gap), y + c * (cell - gap)]), palette.ink, 2);
  }
}

/** Where the cells are: the side of a cell, the corner of the matrix, and the left edge of column j (n: b). */
function matrixPlan(width, height, n) {
  const [edge, foot] = [20, 26];
  const gap = Math.max(10, 14 - n / 4);
  const cell = Math.min((width - edge - gap - 4) / (n + 1), (height - edge - foot) / n);
  const left = edge + (width - edge - gap - (n + 1) * cell) / 2;
  return { cell, left, top: edge, columnLeft: (j) => left + j * cell + (j === n ? gap : 0) };
}

/** The cell at a point of the canvas, or null. */
function cellAt(canvas, x, y, n) {
  const { cell, top, columnLeft } = matrixPlan(canvas.clientWidth, canvas.clientHeight, n);
  const row = Math.floor((y - top) / cell);
  const column = Array.from({ length: n + 1 }, (_, j) => j).find((j) => x >= columnLeft(j) && x < columnLeft(j) + cell);
  return row >= 0 && row < n && column !== undefined ? { row, column } : null;
}

/**
 * Lets the user choose a cell of the matrix by pointer, touch or arrow keys.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {() => number} size n
 * @param {() => void} changed called when another cell was chosen
 * @returns {{ chosen: () => ({ row: number, column: number } | null) }}
 */
export function cellChooser(canvas, size, changed) {
  let chosen = null;
  const choose = (cell) => {
    chosen = cell;
    changed();
  };
  for (const name of ["pointermove", "pointerdown"]) {
    canvas.addEventListener(name, (event) => choose(cellAt(canvas, event.offsetX, event.offsetY, size())));
  }
  canvas.addEventListener("pointerleave", (event) => event.pointerType === "mouse" && choose(null));
  const moves = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] };
  canvas.addEventListener("keydown", (event) => {
    if (event.key === "Escape") {
      choose(null);
    } else if (moves[event.key]) {
      event.preventDefault();
      const { row, column } = chosen ?? { row: 0, column: 0 };
      const [down, right] = chosen ? moves[event.key] : [0, 0];
      const inside = (value, last) => Math.min(last, Math.max(0, value));
      choose({ row: inside(row + down, size() - 1), column: inside(column + right, size()) });
    }
  });
  return { chosen: () => (chosen && chosen.row < size() && chosen.column <= size() ? chosen : null) };
}

/** What a cell says: "W₁·W₃ = 0.31", "b₂ = −0.25". */
export function cellText({ W, b, m, n }, { row, column }) {
  const index = (i) => String(i).replace(/\d/g, (digit) => String.fromCharCode(0x2080 + Number(digit)));
  if (column === n) {
    return `b${index(row)} = ${decimal(b[row])}`;
  }
  return `W${index(row)}\u00b7W${index(column)} = ${decimal(gram(W, m, n)[row * n + column])}`;
}
