"""The bodies: the joints of each skeleton without hands and face, as data."""

# One "joint<parent" a joint, in the order of the arrays; the root has no parent. Trees are left/
# right symmetric and prefer bones of constant length over the chain that a vendor happens to use.
TREES: dict[str, str] = {
    # Kinect v1 SDK.
    "kinect20": """
        head<neck neck<spine spine<pelvis pelvis
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        right_hand<right_wrist
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
    # The same camera in the order of MSR-Action3D. Its left comes first: with the sides the other
    # way round, as they are sometimes given, the body would be a mirror image.
    "kinect20_msr": """
        left_shoulder<neck right_shoulder<neck neck<spine spine<pelvis
        left_hip<pelvis right_hip<pelvis pelvis
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hand<left_wrist right_hand<right_wrist
        left_knee<left_hip right_knee<right_hip
        left_ankle<left_knee right_ankle<right_knee
        left_foot<left_ankle right_foot<right_ankle head<neck
    """,
    # Kinect v2 SDK, as in NTU RGB+D; chest is its SpineShoulder.
    "kinect25": """
        pelvis spine<pelvis neck<chest head<neck
        left_shoulder<chest left_elbow<left_shoulder left_wrist<left_elbow left_hand<left_wrist
        right_shoulder<chest right_elbow<right_shoulder right_wrist<right_elbow
        right_hand<right_wrist
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
        chest<spine left_hand_tip<left_hand left_thumb<left_wrist
        right_hand_tip<right_hand right_thumb<right_wrist
    """,
    # Kinect v2 as UI-PRMD stores it: chest, lower_neck and both collars nearly coincide, so they
    # hang where their bone is long; the file's "head" and "head tip" are Kinect's neck and head.
    "uiprmd22": """
        pelvis spine<pelvis chest<spine lower_neck<spine neck<chest head<neck
        left_collar<left_shoulder left_shoulder<chest left_elbow<left_shoulder
        left_wrist<left_elbow
        right_collar<right_shoulder right_shoulder<chest right_elbow<right_shoulder
        right_wrist<right_elbow
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
    # Vicon Plug-in-Gait, full body: LFHD RFHD LBHD RBHD C7 T10 CLAV STRN RBAK LSHO LUPA LELB LFRM
    # LWRA LWRB LFIN RSHO..RFIN LASI RASI LPSI RPSI LTHI LKNE LTIB LANK LHEE LTOE RTHI..RTOE.
    "plugingait39": """
        left_front_head<left_back_head right_front_head<right_back_head
        left_back_head<c7 right_back_head<c7
        c7<t10 t10 clavicle<c7 sternum<t10 right_scapula<t10
        left_acromion<c7 left_upper_arm<left_acromion left_lateral_elbow<left_acromion
        left_forearm<left_lateral_elbow left_thumb_wrist<left_lateral_elbow
        left_pinky_wrist<left_thumb_wrist left_finger<left_thumb_wrist
        right_acromion<c7 right_upper_arm<right_acromion right_lateral_elbow<right_acromion
        right_forearm<right_lateral_elbow right_thumb_wrist<right_lateral_elbow
        right_pinky_wrist<right_thumb_wrist right_finger<right_thumb_wrist
        left_asis<left_psis right_asis<right_psis left_psis<t10 right_psis<t10
        left_thigh<left_lateral_knee left_lateral_knee<left_asis left_shank<left_lateral_knee
        left_lateral_ankle<left_lateral_knee left_heel<left_lateral_ankle
        left_toe<left_lateral_ankle
        right_thigh<right_lateral_knee right_lateral_knee<right_asis
        right_shank<right_lateral_knee right_lateral_ankle<right_lateral_knee
        right_heel<right_lateral_ankle right_toe<right_lateral_ankle
    """,
    # OpenPose BODY_25.
    "body25": """
        nose<neck neck<pelvis
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee
        right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
        left_big_toe<left_ankle left_small_toe<left_ankle left_heel<left_ankle
        right_big_toe<right_ankle right_small_toe<right_ankle right_heel<right_ankle
    """,
    # OpenPose COCO.
    "coco18": """
        nose<neck neck
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        right_hip<neck right_knee<right_hip right_ankle<right_knee
        left_hip<neck left_knee<left_hip left_ankle<left_knee
        right_eye<nose left_eye<nose right_ear<right_eye left_ear<left_eye
    """,
    "coco17": """
        nose left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
        left_shoulder<nose right_shoulder<nose
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hip<left_shoulder right_hip<right_shoulder
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
    """,
    # MediaPipe Pose.
    "blazepose33": """
        nose left_eye_inner<nose left_eye<left_eye_inner left_eye_outer<left_eye
        right_eye_inner<nose right_eye<right_eye_inner right_eye_outer<right_eye
        left_ear<left_eye_outer right_ear<right_eye_outer left_mouth<nose right_mouth<nose
        left_shoulder<nose right_shoulder<nose
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_pinky_knuckle<left_wrist right_pinky_knuckle<right_wrist
        left_index_knuckle<left_wrist right_index_knuckle<right_wrist
        left_thumb_knuckle<left_wrist right_thumb_knuckle<right_wrist
        left_hip<left_shoulder right_hip<right_shoulder
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
        left_heel<left_ankle right_heel<right_ankle
        left_big_toe<left_ankle right_big_toe<right_ankle
    """,
    # Human3.6M as VideoPose3D orders it, right leg first; neck is its thorax, nose its neck/nose.
    "h36m17": """
        pelvis right_hip<pelvis right_knee<right_hip right_ankle<right_knee
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee
        spine<pelvis neck<spine nose<neck head<nose
        left_shoulder<neck left_elbow<left_shoulder left_wrist<left_elbow
        right_shoulder<neck right_elbow<right_shoulder right_wrist<right_elbow
    """,
    "smpl24": """
        pelvis left_hip<pelvis right_hip<pelvis lower_spine<pelvis
        left_knee<left_hip right_knee<right_hip spine<lower_spine
        left_ankle<left_knee right_ankle<right_knee chest<spine
        left_foot<left_ankle right_foot<right_ankle neck<chest
        left_collar<chest right_collar<chest head<neck
        left_shoulder<left_collar right_shoulder<right_collar
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow left_hand<left_wrist right_hand<right_wrist
    """,
    # The body of SMPL-X and of SMPL-H: SMPL without its hands.
    "smplx22": """
        pelvis left_hip<pelvis right_hip<pelvis lower_spine<pelvis
        left_knee<left_hip right_knee<right_hip spine<lower_spine
        left_ankle<left_knee right_ankle<right_knee chest<spine
        left_foot<left_ankle right_foot<right_ankle neck<chest
        left_collar<chest right_collar<chest head<neck
        left_shoulder<left_collar right_shoulder<right_collar
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
    """,
    # OpenPose BODY_25B: COCO 17, upper neck and top of the head of MPII, feet; no pelvis.
    "body25b": """
        nose<neck left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
        left_shoulder<neck right_shoulder<neck
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hip<left_shoulder right_hip<right_shoulder
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
        neck head<nose
        left_big_toe<left_ankle left_small_toe<left_ankle left_heel<left_ankle
        right_big_toe<right_ankle right_small_toe<right_ankle right_heel<right_ankle
    """,
    # AlphaPose's Halpe body: COCO 17, top of the head, neck, pelvis, feet.
    "halpe26": """
        nose<neck left_eye<nose right_eye<nose left_ear<left_eye right_ear<right_eye
        left_shoulder<neck right_shoulder<neck
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
        left_hip<pelvis right_hip<pelvis
        left_knee<left_hip right_knee<right_hip left_ankle<left_knee right_ankle<right_knee
        head<nose neck<pelvis pelvis
        left_big_toe<left_ankle right_big_toe<right_ankle
        left_small_toe<left_ankle right_small_toe<right_ankle
        left_heel<left_ankle right_heel<right_ankle
    """,
    # The upper body of HRC-OaSA. Without a joint in the middle one side has to be the root.
    "upper8": """
        left_ear<left_shoulder right_ear<right_shoulder
        left_shoulder right_shoulder<left_shoulder
        left_elbow<left_shoulder right_elbow<right_shoulder
        left_wrist<left_elbow right_wrist<right_elbow
    """,
    # Rigid bodies of markers that KERAAL straps on, in the middle of each segment.
    "art17": """
        right_forearm<right_upper_arm left_forearm<left_upper_arm
        right_upper_arm<right_shoulder left_upper_arm<left_shoulder chest<pelvis
        right_thigh<pelvis left_thigh<pelvis right_shoulder<chest left_shoulder<chest
        right_hand<right_forearm left_hand<left_forearm right_foot<right_shank left_foot<left_shank
        pelvis head<chest right_shank<right_thigh left_shank<left_thigh
    """,
    # Joint centres of an animation rig with two joints in the trunk, as in Bandai-Namco's BVH:
    # UpperArm, LowerArm, Hand are shoulder, elbow, wrist; Toes is the ball of the foot.
    "rig21": """
        pelvis spine<pelvis chest<spine neck<chest head<neck
        left_collar<chest left_shoulder<left_collar left_elbow<left_shoulder
        left_wrist<left_elbow
        right_collar<chest right_shoulder<right_collar right_elbow<right_shoulder
        right_wrist<right_elbow
        left_hip<pelvis left_knee<left_hip left_ankle<left_knee left_foot<left_ankle
        right_hip<pelvis right_knee<right_hip right_ankle<right_knee right_foot<right_ankle
    """,
}
