//! What is counted or owned in problems in words, by kinds, in the singular.

use super::word::Word;

pub(super) const LISTS: &[(&str, Word)] = &[
    (PEOPLE, Word::Noun),
    (ANIMALS, Word::Noun),
    (FOOD, Word::Noun),
    (THINGS, Word::Noun),
    (PLACES, Word::Noun),
    (EVENTS, Word::Noun),
    (MATHEMATICS, Word::Noun),
    (DIRECTIONS, Word::Noun),
];

const PEOPLE: &str = "\
    person people man men woman women child children kid boy girl baby toddler adult teenager adolescent student
    pupil teacher professor classmate friend guest visitor passenger customer client buyer seller shopper diner
    employee worker builder coworker manager staff volunteer member participant contestant competitor candidate
    voter applicant player teammate athlete runner swimmer skater surfer cheerleader dancer singer musician
    pianist actor audience spectator fan follower subscriber viewer reader patient doctor nurse dentist police
    officer soldier firefighter pilot driver farmer fisherman baker cook chef waiter gardener painter carpenter
    plumber engineer scientist author writer artist judge lawyer king queen prince princess knight pirate
    villager resident inhabitant citizen tourist traveler traveller camper scout relative parent mother father
    mom dad brother sister sibling twin triplet son daughter uncle aunt cousin nephew niece grandchild
    grandchildren grandparent grandmother grandfather neighbor neighbour family couple team crew squad army
    crowd population senior freshman freshmen sophomore junior female male human owner donor recipient winner
    loser vampire zombie troll orc elf elves fairy gnome giant monster dwarf dwarves clown robot alien survivor
    victim host handshake vote representative clerk businessman businessmen newborn infant orphan hero heroes
    villain ghost wizard witch mayor senator president delegate juror refugee immigrant prisoner inmate sailor
    captain marine veteran detective thief thieves intern apprentice trainee tutor mentor coach referee umpire
    pitcher catcher goalie striker drummer guitarist violinist photographer journalist reporter editor librarian
    janitor guard cashier clerk barber hairdresser tailor butcher grocer florist mechanic electrician programmer
    researcher mathematician philosopher historian landlord tenant roommate housemate stranger nobody body
    bodies head face hand finger thumb toe foot knee elbow shoulder hair limb arm";

const ANIMALS: &str = "\
    animal pet dog puppy cat kitten bird chick chicken hen rooster duck duckling goose geese turkey pigeon dove
    crow raven blackbird robin eagle hawk owl parrot seagull penguin flamingo ostrich peacock swan canary fish
    goldfish clownfish swordfish starfish jellyfish guppy trout salmon bass tuna minnow shark whale dolphin seal
    octopus crab lobster shrimp oyster clam cow bull calf calves ox oxen horse pony ponies donkey mule camel
    dromedary llama pig piglet hog boar sheep lamb goat ram deer moose elk reindeer rabbit bunny hare hamster
    gerbil rat mouse mice squirrel chipmunk beaver otter weasel raccoon skunk hedgehog fox foxes wolf wolves
    bear panda koala kangaroo monkey ape gorilla chimpanzee elephant giraffe zebra hippo hippopotamus rhino
    rhinoceros lion tiger leopard cheetah panther jaguar hyena crocodile alligator lizard gecko iguana snake
    turtle tortoise frog toad tadpole pollywog salamander insect bug bedbug ant bee wasp fly butterfly
    butterflies moth caterpillar beetle ladybug cricket grasshopper mosquito spider tarantula scorpion worm
    maggot millipede centipede snail slug bacterium bacteria dinosaur dragon unicorn egg leg paw tail wing
    feather ear eye tooth teeth claw whisker fin nest herd flock litter cockroach rodent pest eel squid bat
    porcupine birch pup colt foal fawn lynx yak bison buffalo antelope gazelle mole mongoose platypus wombat
    walrus sealion manatee orca stingray cod herring sardine anchovy carp catfish perch pike mussel scallop
    prawn krill coral urchin newt toucan parakeet cockatoo hummingbird sparrow finch bluebird cardinal vulture
    falcon pelican stork heron crane quail pheasant emu cub joey kid bone antler horn hoof hooves mane fur hide
    shell yolk wingspan termite flea tick louse lice gnat hornet firefly fireflies dragonfly";

const FOOD: &str = "\
    food meal breakfast lunch dinner supper snack dessert treat dish serving portion helping recipe ingredient
    fruit apple pear banana orange tangerine clementine lemon lime grapefruit grape raisin strawberry blueberry
    raspberry blackberry cranberry berry cherry peach plum prune apricot mango mangoes papaya pineapple coconut
    kiwi melon watermelon cantaloupe pomegranate fig date avocado vegetable carrot potato potatoes tomato
    tomatoes onion garlic pepper cucumber pickle lettuce cabbage broccoli cauliflower spinach celery corn cob
    pea bean pumpkin squash zucchini eggplant beet radish turnip mushroom olive nut peanut walnut almond cashew
    pecan pistachio acorn chestnut seed grain rice wheat oat flour sugar salt spice butter cheese milk cream
    yogurt bread loaf loaves baguette bun roll bagel croissant muffin cupcake cake pancake waffle omelet pie
    pastry pastries tart donut doughnut beignet cookie biscuit brownie cracker pretzel chip crisp popcorn candy
    candies lollipop sweet chocolate caramel marshmallow gumball jellybean gum mint jelly jam honey syrup sauce
    soup salad sandwich sandwiches burger hamburger cheeseburger hotdog pizza pasta noodle spaghetti taco
    burrito dumpling sushi steak bacon sausage ham meat meatball beef pork rib fillet nugget fry fries popsicle
    icecream sundae cone milkshake smoothie drink beverage soda cola juice lemonade water tea coffee latte
    espresso beer wine champagne cocktail slice topping pepperoni cannoli macaron toast sprinkle wafer cereal
    granola oatmeal tofu yam scoop kernel flavor flavour clove herb basil chive stalk leaf artichoke asparagus
    leek shallot ginger chili salami turkey tenderloin brisket patty patties wrap quesadilla nacho chimichanga
    enchilada ravioli lasagna pudding custard gelatin cheesecake scone crumpet crepe truffle fudge toffee
    licorice nougat gumdrop lozenge antacid vitamin supplement ration pomelo tangelo nectarine guava lychee
    persimmon rhubarb currant ale cider liquor shot";

const THINGS: &str = "\
    thing item object element piece part unit set pair group bunch bundle batch stack pile heap row column line
    box boxes case crate carton container package packet pack parcel bag sack basket bucket bin barrel keg tub
    tank jar jug pitcher bottle can tin cup mug glass glasses bowl plate tray pot pan kettle spoon fork knife
    knives napkin tablecloth towel blanket sheet pillow pillowcase quilt bed mattress couch sofa chair stool
    bench seat desk table shelf shelves bookshelf bookcase cabinet drawer dresser closet lamp bulb light lantern
    candle match matchstick torch flashlight battery batteries clock watch watches mirror picture photo
    photograph painting poster portrait frame curtain carpet rug mat book novel comic textbook notebook magazine
    newspaper pamphlet brochure journal diary dictionary page chapter paragraph sentence word letter character
    syllable vowel consonant symbol sign note message email text postcard card envelope stamp sticker label
    ticket coupon voucher receipt bill invoice check cheque coin penny pennies nickel dime quarter token medal
    trophy prize award ribbon badge certificate pencil pen crayon marker highlighter brush paintbrush paint
    eraser ruler scissors stapler staple paperclip clip glue tape folder binder paper scroll toy doll teddy lego
    block brick die dice marble bead puzzle jigsaw domino dominoes game videogame console controller ball
    baseball basketball football golfball balloon kite frisbee racket racquet bat glove helmet skate skateboard
    scooter bike bicycle tricycle motorcycle car truck lorry van bus buses taxi cab train tram subway vehicle
    wheel tire tyre engine boat ship canoe kayak raft plane airplane helicopter rocket shirt blouse sweater
    jumper jacket coat vest suit dress dresses skirt pants trousers jean shorts sock stocking shoe boot sandal
    slipper sneaker hat cap scarf scarves belt tie glove mitten button zipper pocket jewel gem gemstone diamond
    ruby emerald sapphire pearl ring necklace bracelet earring phone telephone smartphone cellphone computer
    laptop tablet keyboard monitor printer camera television radio speaker headphone charger cable wire device
    machine appliance tool hammer nail screw bolt washer wrench saw drill ladder rope string thread yarn cloth
    fabric button needle pin board plank log stick pole rod pipe tube hose bar beam panel tile plate fence post
    gate door window wall floor ceiling roof stair step rung shingle instrument guitar piano violin drum flute
    trumpet clarinet song album record tune movie film video episode show season channel photo flower rose tulip
    daisy lily sunflower orchid carnation petunia bouquet petal plant tree bush shrub vine leaf leaves branch
    bark grass weed lawn cactus cacti seedling sapling pine pinecone oak maple rock stone pebble boulder gravel
    sand shell seashell snowball snowflake icicle star planet moon comet asteroid satellite weapon sword shield
    arrow bow gun bullet dart firework present gift decoration ornament toothbrush toothpick soap shampoo diaper
    bandage pill vaccine dose bottlecap cap lid cork magnet widget gadget gear chip cell atom molecule electron
    proton photon particle virus gene server file folder app program bug token question problem task exercise
    quiz test exam assignment homework answer option choice mistake error point mark score grade credit stripe
    spot dot hole crack stitch stitches patch knot bubble drop puddle load ream skein ball collection copy
    copies edition version model sample specimen product order share stock bond ad advert advertisement flyer
    sculpture statue tent backpack suitcase luggage umbrella fan heater stove oven fridge refrigerator freezer
    washer dryer vacuum broom mop bucket sponge trash garbage rubbish recyclable newspaper figurine costume mask
    wig puppet beanie headband hairclip haircut tattoo signature outfit report key keychain section space bushel
    license licence drama instruction thorn doorbell color colour punch beaker flask vial chore straw drawing
    sketch clover beret yoyo plug socket spoke ridge purse wallet handbag instance craft crop carriage wagon
    cart sled sleigh souvenir apron bonnet rhinestone sequin crater cloud raindrop matchbox lighter ash coal
    ember slab pillar arch dome antenna lens telescope microscope microphone amplifier drumstick harmonica cello
    harp banjo saxophone trombone tuba oboe piccolo xylophone organ bell whistle siren alarm timer calendar
    planner globe map compass anchor sail mast oar paddle net hook lure bait reel trap cage leash collar saddle
    harness bridle horseshoe switch pairing lever crank pulley spring coil hinge latch lock rivet gasket valve
    faucet sink bathtub shower toilet bidet washcloth razor comb hairbrush perfume lipstick nailpolish eyeshadow
    foundation lotion sunscreen bandaid crutch wheelchair stretcher syringe thermometer stethoscope ointment
    tissue wipe detergent bleach rag duster pail hamper hanger iron ironing sewing bobbin thimble spool
    patchwork afghan earmuff legging tight sweatshirt hoodie cardigan tuxedo gown robe pajama pyjama kimono sari
    kilt tunic bikini swimsuit goggle snorkel flipper surfboard snowboard ski skis pad whistle plaque banner
    flag pennant streamer confetti cracker wreath garland tinsel wrapping mosaic mural canvas easel palette
    charcoal clay chalk whiteboard blackboard projector screen tripod cartridge disk disc usb drive modem router
    circuit resistor capacitor diode transistor wireframe byte pixel password username account profile blog vlog
    podcast article headline essay poem play script speech memo form application contract permit visa passport
    pass uniform jersey cleat bandana thermos canteen cooler crockpot wok skillet saucepan spatula whisk ladle
    tongs grater peeler colander strainer blender mixer toaster microwave grill smoker cutlery chopstick coaster
    doily placemat vase urn planter seed sprout stem thorn hedge meadow clump tuft blade twig acorn moss fern
    ivy";

const PLACES: &str = "\
    place country countries state province county city cities town village street road lane highway bridge
    tunnel tower building skyscraper house home apartment flat room bedroom bathroom kitchen classroom office
    hall garage basement attic school college university library libraries museum theater theatre cinema
    hospital clinic church temple shop store supermarket market mall restaurant cafe bakery bank hotel motel
    station airport port harbor park playground garden yard farm field orchard barn stable forest wood mountain
    hill valley river lake pond pool sea ocean island beach coast desert planet stop exit lot plot slot spot
    seat pew court stadium gym arena zoo aquarium cage coop pen kennel tank hive story stories storey level
    floor stair locker parking driveway sidewalk cottage cabin hut mansion castle palace fortress villa bungalow
    condo dormitory dorm barrack bunker shed silo mill factory factories plant warehouse workshop studio
    laboratory lab pharmacy pharmacies salon spa boutique bookstore deli diner cafeteria canteen pub tavern
    nightclub casino ballroom auditorium gallery exhibit monument landmark plaza square alley boulevard avenue
    crosswalk intersection roundabout toll junction terminal platform gate dock pier wharf marina lighthouse
    reef lagoon bay gulf strait canal creek stream brook waterfall spring glacier volcano canyon cliff cave peak
    ridge plateau prairie marsh swamp jungle savanna continent region district territory colony suburb
    neighborhood neighbourhood community";

const EVENTS: &str = "\
    time times turn round trip tour ride flight visit vacation holiday party parties wedding meeting class
    classes lesson lecture session practice rehearsal concert performance match tournament race lap marathon
    contest competition championship set inning goal touchdown basket homerun run hit shot throw pass kick save
    serve strike strikeout foul penalty push pushup situp squat jump hop skip step stride stroke bounce spin
    rotation revolution cycle period term semester trimester shift workday weekday weekend night evening morning
    afternoon birthday anniversary generation attempt trial experiment toss tosses flip roll draw move operation
    transaction purchase sale payment deposit withdrawal delivery deliveries call download upload click view
    like tweet comment review vote win loss losses tie handshake birth death accident crime case event
    occurrence increase decrease profit gain discount tax tip fee interest raise saving wage salary cost price
    change year-old beat breath heartbeat blink bite sip puff swing wave vibration action dive knockout chore
    craft errand shipment outing picnic parade festival carnival fair ceremony graduation commencement reunion
    baptism funeral campaign election debate interview audition premiere screening broadcast recital tryout
    scrimmage playoff final semifinal heat relay dash hurdle volley dunk layup rebound assist block steal fumble
    tackle sack interception punt birdie bogey putt halftime overtime recess detention suspension sabbatical
    internship apprenticeship booking reservation appointment checkup surgery surgeries treatment therapy
    injection vaccination infection outbreak symptom allergy earthquake flood storm hurricane tornado drought
    fire";

const MATHEMATICS: &str = "\
    number integer digit value solution roots zeros zeroes factor divisor multiple primes squares cubes fraction
    decimal ratios proportion term coefficient variable constant exponents powers function polynomial equation
    inequality expression sequence series pattern set subset element tuple combination permutation arrangement
    ordering selection way possibility possibilities outcome event path route triangle rectangle quadrilateral
    parallelogram trapezoid rhombus pentagon hexagon heptagon octagon nonagon decagon polygon circle semicircle
    sector arc chord tangent ellipse parabola hyperbola curve line segment ray angle side edge vertex vertices
    face diagonal point dot region piece intersection plane sphere cone cylinder prism pyramid tetrahedron
    polyhedron row column matrix matrices vector graph node representation partition string codeword code sums
    pair triples quadruples case minimum maximum extremum coordinate axis axes lattice grid cell tile";

const DIRECTIONS: &str = "\
    north south east west northeast northwest southeast southwest left right up down forward backward clockwise
    counterclockwise anticlockwise inside outside upward downward upstream downstream";
