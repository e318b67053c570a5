// Calls the playground's sources: reads { command, input } as JSON, and writes what the command returns.

import { readFileSync } from "node:fs";

import { sample } from "../../toymodels/playground/source/features.js";
import * as geometry from "../../toymodels/playground/source/geometry.js";
import { Random } from "../../toymodels/playground/source/random.js";
import * as settings from "../../toymodels/playground/source/settings.js";
import { Trainer } from "../../toymodels/playground/source/training.js";

const commands = {
  settings: () => settings,

  checked: (inputs) => inputs.map(settings.checked),

  fromHash: (hashes) => hashes.map(settings.fromHash),

  toHash: (inputs) => inputs.map(settings.toHash),

  uniforms: ({ seeds, count }) => seeds.map((seed) => drawn(count, seed, (random) => random.uniform())),

  normals: ({ seeds, count }) => seeds.map((seed) => drawn(count, seed, (random) => random.normal())),

  sample: ({ settings: given, batch }) => packed(sample(settings.checked(given), new Random(given.seed), batch)),

  geometry: (models) =>
    models.map(({ W, m, n }) => ({
      gram: [...geometry.gram(unpacked(W), m, n)],
      norms: [...geometry.norms(unpacked(W), m, n)],
      dimensionality: [...geometry.dimensionality(unpacked(W), m, n)],
      interference: [...geometry.interference(unpacked(W), m, n)],
      dimensions_per_feature: String(geometry.dimensionsPerFeature(unpacked(W), m, n)),
    })),

  // W and b after the numbers of steps in `at`, on batches that are given.
  onBatches: ({ settings: given, W, b, batches, at }) => {
    const trainer = new Trainer(settings.checked(given));
    trainer.set(unpacked(W), unpacked(b));
    const seen = [];
    batches.forEach((x, k) => {
      const loss = trainer.stepOn(unpacked(x), trainer.settings.batch);
      if (at.includes(k + 1)) {
        seen.push({ loss: packed(Float64Array.of(loss)), W: packed(trainer.W), b: packed(trainer.b) });
      }
    });
    return seen;
  },

  // Models of several seeds, each after all the `steps`.
  train: ({ settings: given, seeds, steps }) =>
    seeds.map((seed) => {
      const trainer = new Trainer(settings.checked({ ...given, seed }));
      trainer.steps(steps);
      return packed(trainer.W);
    }),

  // One trainer taken through changes: what it is after each of them.
  changes: ({ settings: given, changes }) => {
    const trainer = new Trainer(settings.checked(given));
    return changes.map(({ settings: change, steps, restart }) => {
      if (change) {
        trainer.change(settings.checked(change));
      }
      if (restart) {
        trainer.restart();
      }
      if (steps) {
        trainer.steps(steps);
      }
      const { step, loss, importance, means } = trainer;
      return { step, loss, importance: [...importance], W: [...trainer.W], b: [...trainer.b], means: [...means] };
    });
  },
};

function drawn(count, seed, draw) {
  const random = new Random(seed);
  return packed(Float64Array.from({ length: count }, () => draw(random)));
}

/** Doubles as base64, exactly. */
function packed(numbers) {
  return Buffer.from(numbers.buffer, numbers.byteOffset, numbers.byteLength).toString("base64");
}

function unpacked(text) {
  return new Float64Array(Uint8Array.from(Buffer.from(text, "base64")).buffer);
}

const { command, input } = JSON.parse(readFileSync(0, "utf8"));
process.stdout.write(JSON.stringify(commands[command](input)));
