"""The 120 classes of NTU RGB+D, in the order of their numbers.

Source: Shahroudy et al., CVPR 2016 (A001 to A060); Liu et al., TPAMI 2019 (A061 to A120).
"""

_TEXT = """
drink water; eat meal; brush teeth; brush hair; drop; pick up; throw; sit down; stand up; clapping;
reading; writing; tear up paper; put on jacket; take off jacket; put on a shoe; take off a shoe;
put on glasses; take off glasses; put on a hat; take off a hat; cheer up; hand waving;
kicking something; reach into pocket; hopping; jump up; phone call; play with phone;
type on a keyboard; point to something; taking a selfie; check time; rub two hands; nod head;
shake head; wipe face; salute; put palms together; cross hands in front; sneeze; staggering;
falling down; headache; chest pain; back pain; neck pain; nausea; fan self; punch; kicking;
pushing; pat on back; point finger; hugging; giving object; touch pocket; shaking hands;
walking towards; walking apart;
put on headphone; take off headphone; shoot at basket; bounce ball; tennis bat swing;
juggle table tennis ball; hush; flick hair; thumb up; thumb down; make ok sign; make victory sign;
staple book; counting money; cutting nails; cutting paper; snap fingers; open bottle; sniff;
squat down; toss a coin; fold paper; ball up paper; play magic cube; apply cream on face;
apply cream on hand; put on bag; take off bag; put object into bag; take object out of bag;
open a box; move heavy objects; shake fist; throw up cap; hands up; cross arms; arm circles;
arm swings; run on the spot; butt kicks; cross toe touch; side kick; yawn; stretch oneself;
blow nose; hit with object; wield knife; knock over; grab stuff; shoot with gun; step on foot;
high-five; cheers and drink; carry object; take a photo; follow; whisper; exchange things;
support somebody; rock-paper-scissors
"""
CLASSES = tuple(name.strip() for name in _TEXT.replace("\n", " ").split(";"))
#: numbers of the classes in which two people act together
MUTUAL = frozenset((*range(50, 61), *range(106, 121)))
#: classes of the first edition
FIRST = 60
