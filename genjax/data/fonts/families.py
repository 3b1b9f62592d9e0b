"""The families of the fonts, and which of them are held out: a list for ever, so that no test font is trained on.

They are Google Fonts, one package `fontpkg-*` each (see docs/fonts.md for versions and licences). Left out are families
whose Latin letters are those of another one: other scripts, other widths, other optical sizes.
"""

TRAIN = (
    *("abeezee", "abel", "acme", "albert-sans", "alegreya-sans", "alfa-slab-one", "almarai", "alumni-sans", "amiri"),
    *("andada-pro", "antic-slab", "anton", "archivo", "arimo", "arvo", "asap", "assistant", "atkinson-hyperlegible"),
    *("baloo-2", "barlow", "be-vietnam-pro", "bebas-neue", "bodoni-moda", "bricolage-grotesque", "cabin", "cairo"),
    *("cardo", "catamaran", "chakra-petch", "changa-one", "chivo", "cormorant-garamond", "crimson-pro", "delius"),
    *("dm-mono", "dm-sans", "dm-serif-display", "domine", "dosis", "encode-sans", "epilogue", "exo-2", "figtree"),
    *("fira-code", "fira-sans", "frank-ruhl-libre", "fraunces", "fredoka", "geist", "geologica", "gravitas-one"),
    *("great-vibes", "hammersmith-one", "hanken-grotesk", "heebo", "hind", "ibm-plex-mono", "ibm-plex-sans"),
    *(
        "ibm-plex-serif",
        "inconsolata",
        "instrument-sans",
        "instrument-serif",
        "inter",
        "jost",
        "kanit",
        "karla",
        "lato",
    ),
    *("league-spartan", "lexend", "libre-baskerville", "libre-franklin", "literata", "manrope", "marcellus"),
    *("maven-pro", "merriweather", "merriweather-sans", "montserrat", "mukta", "mulish", "news-cycle", "newsreader"),
    *("noto-sans", "noto-serif", "nunito", "nunito-sans", "oleo-script", "onest", "open-sans", "outfit", "overpass"),
    *("oxygen", "play", "plus-jakarta-sans", "poppins", "prompt", "pt-sans", "pt-serif", "public-sans", "questrial"),
    *("rajdhani", "raleway", "ramabhadra", "red-hat-display", "rethink-sans", "roboto", "roboto-condensed"),
    *("roboto-mono", "roboto-slab", "rowdies", "rubik", "russo-one", "saira", "sanchez", "sarabun", "satisfy"),
    *("schibsted-grotesk", "share-tech", "signika", "slabo-27px", "smooch-sans", "sofia-sans", "sora"),
    *("source-code-pro", "source-sans-3", "source-serif-4", "space-grotesk", "spectral", "syne", "tajawal", "teko"),
    *("titan-one", "titillium-web", "unbounded", "urbanist", "varela-round", "viga", "vollkorn", "yanone-kaffeesatz"),
    *("yellowtail", "zeyada"),
)
VALIDATION = (
    *("bitter", "black-ops-one", "cinzel", "fjalla-one", "indie-flower", "jetbrains-mono", "lilita-one", "pacifico"),
    *("quicksand", "work-sans"),
)
TEST = (  # handwriting, pixel, display and text faces
    *("caveat", "dancing-script", "kalam", "permanent-marker", "shadows-into-light", "press-start-2p"),
    *("abril-fatface", "bungee", "lobster", "orbitron", "righteous", "luckiest-guy"),
    *("eb-garamond", "lora", "playfair-display", "zilla-slab", "comfortaa", "josefin-sans", "oswald", "space-mono"),
)
FAMILIES = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
