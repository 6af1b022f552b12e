/*
 * Friendly names; see run_name.h.
 */
#include "core/run_name.h"

#include <stdio.h>

#include "base/must.h"

static const char *const adjectives[] = {
    "able",    "agile",   "airy",    "alert",   "amber",  "ample",    "apt",     "ardent", "awake",
    "azure",   "balmy",   "bold",    "bonny",   "brave",  "breezy",   "bright",  "brisk",  "calm",
    "candid",  "careful", "cheery",  "chipper", "civil",  "clear",    "clever",  "copper", "coral",
    "cosy",    "crisp",   "curious", "dapper",  "daring", "deft",     "dewy",    "eager",  "early",
    "earnest", "easy",    "fair",    "fancy",   "fleet",  "fluent",   "fond",    "frank",  "free",
    "fresh",   "gentle",  "giddy",   "glad",    "golden", "graceful", "grand",   "hale",   "handy",
    "happy",   "hardy",   "hearty",  "honest",  "humble", "ideal",    "jade",    "jaunty", "jolly",
    "jovial",  "keen",    "kind",    "lively",  "loyal",  "lucid",    "lucky",   "mellow", "merry",
    "mighty",  "mild",    "mindful", "neat",    "nimble", "noble",    "patient", "peppy",  "placid",
    "plucky",  "polite",  "proud",   "quick",   "quiet",  "rapid",    "ready",   "robust", "rosy",
    "serene",  "silver",  "snappy",  "sound",   "spry",   "steady",   "sturdy",  "sunny",  "swift",
    "tidy",    "upbeat",  "valiant", "vivid",   "warm",   "wise",     "witty",   "zesty",
};

static const char *const animals[] = {
    "albatross", "alpaca",  "antelope", "auk",     "avocet",   "badger",  "bat",      "beaver",
    "bee",       "bison",   "bittern",  "bobcat",  "bream",    "bunting", "buzzard",  "camel",
    "caribou",   "carp",    "cat",      "chamois", "cheetah",  "condor",  "coot",     "cormorant",
    "crab",      "crane",   "cricket",  "curlew",  "deer",     "dipper",  "dolphin",  "dormouse",
    "dove",      "eagle",   "eel",      "egret",   "eider",    "elk",     "falcon",   "ferret",
    "finch",     "firefly", "fox",      "gannet",  "gazelle",  "gecko",   "gibbon",   "goose",
    "grayling",  "grebe",   "hare",     "hawk",    "hedgehog", "heron",   "hoopoe",   "ibex",
    "ibis",      "jackdaw", "jaguar",   "jay",     "kestrel",  "kite",    "kiwi",     "koala",
    "lapwing",   "lark",    "lemur",    "leopard", "linnet",   "lizard",  "llama",    "lynx",
    "magpie",    "marmot",  "marten",   "mole",    "moose",    "narwhal", "newt",     "okapi",
    "oriole",    "osprey",  "otter",    "owl",     "panda",    "panther", "pelican",  "perch",
    "petrel",    "pike",    "pipit",    "plover",  "puffin",   "puma",    "quail",    "raven",
    "robin",     "salmon",  "seal",     "shrew",   "siskin",   "sparrow", "starling", "stoat",
    "stork",     "swan",    "tapir",    "tern",    "toad",     "trout",   "turtle",   "walrus",
    "warbler",   "weasel",  "wombat",   "wren",    "yak",      "zebra",
};

void run_name_random(struct rng *rng, char ret_text[RUN_NAME_SIZE])
{
    const char *adjective = adjectives[rng_below(rng, sizeof adjectives / sizeof *adjectives)];
    const char *animal = animals[rng_below(rng, sizeof animals / sizeof *animals)];
    int len = snprintf(ret_text, RUN_NAME_SIZE, "%s-%s", adjective, animal);
    must(len > 0 && len < RUN_NAME_SIZE);
}
