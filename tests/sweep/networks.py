"""The classifiers of the sweep: the smallest member of as many families as possible, those with odd layouts first."""

SHORT = ("timm:levit_128s", "timm:regnety_002")  # in the test suite: attention with views, and convolutions

_TIMM = """
levit_128s swin_tiny_patch4_window7_224 swinv2_tiny_window8_256 swinv2_cr_tiny_224 maxvit_pico_rw_256
maxvit_rmlp_pico_rw_256 coatnet_nano_rw_224 coatnext_nano_rw_224 volo_d1_224 cait_xxs24_224 xcit_nano_12_p16_224
pvt_v2_b0 mixer_s32_224 gmlp_ti16_224 resmlp_12_224 vit_tiny_patch16_224 deit_tiny_patch16_224 deit3_small_patch16_224
mobilevit_xxs mobilevitv2_050 edgenext_xx_small efficientformer_l1 efficientformerv2_s0 fastvit_t8 poolformer_s12
convmixer_768_32 convit_tiny coat_lite_tiny tnt_s_patch16_224 pit_ti_224 beit_base_patch16_224 eva02_tiny_patch14_224
focalnet_tiny_srf davit_tiny gcvit_xxtiny crossvit_tiny_240 twins_pcpvt_small twins_svt_small visformer_tiny
nest_tiny hiera_tiny_224 tiny_vit_5m_224 efficientvit_b0 efficientvit_m0 caformer_s18 sequencer2d_s
inception_next_atto resnet10t resnext26ts regnetx_002 regnety_002 densenet121 efficientnet_b0 efficientnet_lite0
tf_efficientnetv2_b0 mobilenetv2_035 mobilenetv3_small_050 mobilenetv4_conv_small_035 mnasnet_small ghostnet_050
ghostnetv2_100 repvgg_a0 mobileone_s0 hrnet_w18_small dla46_c nf_regnet_b0 dm_nfnet_f0 rexnet_100 tresnet_m
cspresnet50 cspdarknet53 hardcorenas_a tinynet_e lcnet_035 fbnetv3_b spnasnet_100 inception_v4 xception41
convnext_atto convnextv2_atto res2net50_14w_8s skresnet18 resnest14d ecaresnet26t gernet_s dpn48b vovnet39a
selecsls42 hgnetv2_b0 repvit_m0_9 botnet26t_256 halonet26t lambda_resnet26t resnetv2_50 senet154 starnet_s1
mambaout_femto darknet17 rdnet_tiny
"""

_TORCHVISION = """
swin_t swin_v2_t maxvit_t vit_b_32 convnext_tiny squeezenet1_1 shufflenet_v2_x0_5 googlenet inception_v3 mnasnet0_5
mobilenet_v2 mobilenet_v3_small efficientnet_b0 regnet_y_400mf resnet18 resnext50_32x4d densenet121 alexnet vgg11
"""

NETWORKS = (
    *(f"timm:{name}" for name in _TIMM.split()),
    *(f"torchvision:{name}" for name in _TORCHVISION.split()),
)
