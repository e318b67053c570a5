/** What a playground can be set to. Behind the first line this is JSON, which Python reads as well. */
export const CATALOGUE =
{
  "defaults": {"n": 5, "m": 2, "density": 0.05, "decay": 1, "pairs": "independent", "correlation": 1, "activation": "relu", "rate": 0.01, "batch": 256, "seed": 0},
  "ranges": {
    "n": {"min": 2, "max": 20, "step": 1, "integer": true},
    "density": {"min": 0.002, "max": 1, "log": true},
    "decay": {"min": 0.3, "max": 1, "step": 0.01},
    "correlation": {"min": 0, "max": 1, "step": 0.01},
    "rate": {"min": 0.0001, "max": 0.1, "log": true},
    "batch": {"min": 16, "max": 4096, "log": true, "integer": true},
    "seed": {"min": 0, "max": 4294967295, "step": 1, "integer": true}
  },
  "choices": {
    "m": [2, 3],
    "pairs": ["independent", "correlated", "anticorrelated"],
    "activation": ["relu", "linear", "gelu", "solu", "square"]
  },
  "presets": [
    {
      "name": "pentagon",
      "title": "Pentagon",
      "figure": "The Geometry of Superposition",
      "says": "Five equally important features, each on one time in twenty, spread evenly over the plane.",
      "settings": {}
    },
    {
      "name": "dense",
      "title": "Dense features",
      "figure": "Introduction",
      "says": "Every feature is always on. The two most important ones get a dimension each, the others are left out.",
      "settings": {"density": 1, "decay": 0.9}
    },
    {
      "name": "antipodal-pairs",
      "title": "Antipodal pairs",
      "figure": "Introduction",
      "says": "Four features share two dimensions, as two antipodal pairs at right angles; one of the less important is left out. With the paper's importance of 0.9^i, seven seeds in ten do the same.",
      "settings": {"density": 0.2, "decay": 0.7}
    },
    {
      "name": "hexagon",
      "title": "Six features",
      "figure": "Correlated and Anticorrelated Features",
      "says": "The paper notes that six independent features do not form a hexagon. Nine seeds in ten leave one of them out and make a pentagon; the tenth makes a hexagon after all.",
      "settings": {"n": 6, "density": 0.03}
    },
    {
      "name": "linear",
      "title": "Linear model",
      "figure": "Demonstrating Superposition",
      "says": "Without the ReLU there is no superposition: as in principal component analysis, the two most important features get a dimension each.",
      "settings": {"n": 6, "density": 0.1, "decay": 0.7, "activation": "linear"}
    },
    {
      "name": "correlated",
      "title": "Correlated pairs",
      "figure": "Correlated and Anticorrelated Features",
      "says": "Two pairs whose members are on together: in five seeds of six partners lie at right angles, each opposite one of the other pair. In the sixth a feature is left out.",
      "settings": {"n": 4, "pairs": "correlated"}
    },
    {
      "name": "collapse",
      "title": "Collapsed pairs",
      "figure": "Correlated and Anticorrelated Features",
      "says": "Three pairs whose members are on together, half of the time: partners fall onto one direction.",
      "settings": {"n": 6, "density": 0.5, "pairs": "correlated"}
    },
    {
      "name": "anticorrelated",
      "title": "Anticorrelated pairs",
      "figure": "Correlated and Anticorrelated Features",
      "says": "Two pairs whose members are never on together: in three seeds of four partners lie opposite each other, in the fourth at right angles.",
      "settings": {"n": 4, "density": 0.4, "pairs": "anticorrelated", "seed": 1}
    },
    {
      "name": "tetrahedron",
      "title": "No tetrahedron",
      "figure": "The Geometry of Superposition",
      "says": "Four features in three dimensions. The paper finds tetrahedra in large models; here one seed in 200 makes one. The others make an antipodal pair and give two features a dimension each.",
      "settings": {"n": 4, "m": 3, "density": 0.1}
    },
    {
      "name": "octahedron",
      "title": "Octahedron",
      "figure": "The Geometry of Superposition",
      "says": "Six features in three dimensions: three antipodal pairs at right angles, the corners of an octahedron.",
      "settings": {"n": 6, "m": 3, "density": 0.1}
    },
    {
      "name": "pentagonal-bipyramid",
      "title": "Pentagonal bipyramid",
      "figure": "The Geometry of Superposition",
      "says": "Seven features in three dimensions: a pentagon, and at right angles to it an antipodal pair.",
      "settings": {"n": 7, "m": 3, "density": 0.15}
    },
    {
      "name": "square-antiprism",
      "title": "Square antiprism",
      "figure": "The Geometry of Superposition",
      "says": "Eight features in three dimensions: two squares, one turned by 45° against the other.",
      "settings": {"n": 8, "m": 3, "density": 0.1}
    }
  ]
};
